import { readFileSync } from 'node:fs';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

// What starts programs or has a size takes ten seconds and more; the other files take one.
const SLOW = /support\/size|\b(fork|spawn|launch\w*|startRedis|startCluster|\w*[pP]ostgres)\b/;

/**
 * Slow files begin first, so that none is left alone with the machine at the end: Vitest knows only from an earlier run
 * which files are slow, and an empty clone has none. The files of one project stay together, because a process ends
 * when the next file belongs to another project.
 */
export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((one, other) => byProject(one, other) || slowness(other) - slowness(one));
  }
}

const byProject = (one: TestSpecification, other: TestSpecification) =>
  other.project.name.localeCompare(one.project.name);

const slowness = ({ moduleId }: TestSpecification) => Number(SLOW.test(readFileSync(moduleId, 'utf8')));
