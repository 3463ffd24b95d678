export { asOwnTag, checkNames, checkTags, checkUrls, notUrlIn } from './checked-names.js';
export { GroupMembers } from './group-members.js';
export { groupTag, isGroupTag } from './group-tags.js';
export { beginMutation, type Mutation } from './mutation.js';
export {
  beginFill,
  type FillStart,
  pinLate,
  pinVersions,
  readStart,
  unknownStart,
} from './pinned-versions.js';
export { markedUnlessUnavailable } from './redis-unavailable.js';
export {
  type TagVersions,
  type TagVersionsOptions,
  tagVersions,
} from './tag-versions.js';
export { EVERYTHING } from './tag-writer.js';
export {
  countingUrl,
  normalisedUrl,
  pathAndQuery,
  pathTag,
  purgedUrlTags,
  type QueryParams,
  urlTag,
} from './url-tags.js';
export type { PinnedVersions, ValuesAndVersions, Versions } from './version-reader.js';
