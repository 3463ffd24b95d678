export function bytes(number) {
  if (number === undefined) return '–';
  const units = ['B', 'KB', 'MB', 'GB'];
  let at = 0;
  let value = number;
  while (value >= 1000 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  return `${value < 10 && at > 0 ? value.toFixed(1) : Math.round(value)} ${units[at]}`;
}

export function duration(ms) {
  if (ms === undefined) return '–';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

export const percent = (share) => (Number.isFinite(share) ? `${Math.round(share * 100)} %` : '–');

export const rate = (perSecond) => (perSecond < 10 ? perSecond.toFixed(1) : String(Math.round(perSecond)));
