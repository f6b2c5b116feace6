import { existsSync } from 'node:fs';
import { WombatError, isId } from '@wombat/proto';
import type { ChannelData, ReadExecOutput } from '@wombat/proto/agent';
import { readLog } from '../logs/read-log.js';
import { execDirectory, isTarget } from './exec-services.js';
import { outputFile } from './exec-output.js';
import { OutputRing } from './output-ring.js';

/** What a command wrote, from an offset on. @throws WombatError WO_CHANNEL_GONE */
export function readExecOutput(request: ReadExecOutput, directory: string, signal: AbortSignal): AsyncIterable<ChannelData> {
  const { jobId, targetId, stream, offset } = request;
  const isValid = isId(jobId, 'job') && isTarget(targetId);
  const file = isValid ? outputFile(execDirectory(directory, jobId, targetId), stream) : '';
  if (!existsSync(file)) throw new WombatError('WO_CHANNEL_GONE', `there is no output of ${jobId} for ${targetId} on this host`);
  return readLog(new OutputRing(file), Number(offset), signal);
}
