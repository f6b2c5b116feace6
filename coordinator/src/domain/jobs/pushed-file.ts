import type { Job } from '../model/job.js';

/** The file that a job puts on its targets, by its sha256. */
export function pushedFile({ action }: Pick<Job, 'action'>): string | undefined {
  return (action as { readonly putFile?: { readonly sha256?: string } }).putFile?.sha256;
}
