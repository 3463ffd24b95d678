const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const TIME = '(?<hour>\\d{2}):(?<minute>\\d{2}):(?<second>\\d{2})';

// RFC 9110 §5.6.7. Caches match them case-insensitively, and accept no zone but GMT (RFC 9111 §4.2).
const FORMATS = [
  `(?:mon|tue|wed|thu|fri|sat|sun), (?<day>\\d{2}) (?<month>[a-z]{3}) (?<year>\\d{4}) ${TIME} gmt`,
  `(?:mon|tues|wednes|thurs|fri|satur|sun)day, (?<day>\\d{2})-(?<month>[a-z]{3})-(?<year>\\d{2}) ${TIME} gmt`,
  `(?:mon|tue|wed|thu|fri|sat|sun) (?<month>[a-z]{3}) (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})`,
].map((format) => new RegExp(`^${format}$`, 'i'));

/** Milliseconds since the epoch; NaN for any text that is not an HTTP-date (`Date.parse` would guess). */
export function parseHttpDate(text: string | undefined, now = Date.now()): number {
  const found = FORMATS.map((format) => format.exec(text ?? '')?.groups).find(Boolean);
  if (!found) return Number.NaN;
  const month = MONTHS.indexOf(found.month!.toLowerCase());
  const [day, hour, minute, second] = [found.day, found.hour, found.minute, found.second].map(Number);
  const year = fullYear(found.year!, now);
  const time = Date.UTC(year, month, day, hour, minute, second);
  const isReal =
    month >= 0 && hour! < 24 && minute! < 60 && second! <= 60 && new Date(time).getUTCDate() === day;
  return isReal ? time : Number.NaN;
}

// A year of two digits that seems more than 50 years in the future is the most recent past year with these digits.
function fullYear(digits: string, now: number): number {
  if (digits.length === 4) return Number(digits);
  const thisYear = new Date(now).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + Number(digits);
  return year > thisYear + 50 ? year - 100 : year;
}
