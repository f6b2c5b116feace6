/** The id of a job's target in the store. */
export function targetKey(jobId: string, targetId: string): string {
  return `${jobId}/${targetId}`;
}

export function jobIdOf(key: string): string {
  return key.slice(0, key.indexOf('/'));
}

export function targetIdOf(key: string): string {
  return key.slice(key.indexOf('/') + 1);
}
