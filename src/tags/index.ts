export { asOwnTag, checkNames, checkTags } from './checked-names.js';
export { beginMutation, type Mutation, refusedMutation } from './mutation.js';
export {
  beginFill,
  type FillStart,
  pinLate,
  pinVersions,
  readStart,
  unknownStart,
} from './pinned-versions.js';
export {
  EVERYTHING,
  freshVersion,
  type TagVersions,
  type TagVersionsOptions,
  tagVersions,
} from './tag-versions.js';
export { normalisedUrl, pathAndQuery, pathTag, purgedUrlTags, type QueryParams, urlTag } from './url-tags.js';
export type { PinnedVersions, Versions } from './version-reader.js';
