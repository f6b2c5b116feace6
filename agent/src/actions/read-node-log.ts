import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { WombatError, type Clock } from '@wombat/proto';
import { LogStream, type ChannelData, type ReadLog } from '@wombat/proto/agent';
import { LogFile } from '../logs/log-file.js';
import { readLog } from '../logs/read-log.js';
import { nodePaths, stderrLog, stdoutLog } from '../nodes/node-paths.js';

/** The output of a node, also of one removed less than a day ago. @throws WombatError WO_CHANNEL_GONE */
export function readNodeLog(request: ReadLog, directory: string, clock: Clock, signal: AbortSignal): AsyncIterable<ChannelData> {
  const paths = nodePaths(directory, request.nodeId);
  const logs = [paths.logs, paths.removedLogs].find(existsSync);
  if (!logs) throw new WombatError('WO_CHANNEL_GONE', `there is no log of ${request.nodeId} on this host`);
  const isRemoved = logs === paths.removedLogs;
  const file = (request.stream === LogStream.STDERR ? stderrLog : stdoutLog)({ ...paths, logs: join(logs) });
  return readLog(
    new LogFile(file),
    {
      offset: request.offset < 0n ? undefined : Number(request.offset),
      tailLines: request.tailLines,
      follow: request.follow && !isRemoved,
    },
    clock,
    signal,
  );
}
