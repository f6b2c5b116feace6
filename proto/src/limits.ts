/** Sizes and counts that both ends of a wire must agree on. */
export const limits = {
  /** One frame of a session, encoded. */
  sessionFrameBytes: 64 * 1024,
  /** One encoded command: a frame of a session that has room for a target beside it. */
  execJobBytes: 64 * 1024 - 96,
  /** Any gRPC message. */
  grpcMessageBytes: 1024 * 1024,
  artifactChunkBytes: 256 * 1024,
  channelChunkBytes: 32 * 1024,
  /** Nodes whose logs one call reads. */
  logNodes: 200,
  /** Nodes of a host whose data one channel measures. */
  measuredNodes: 500,
  /** Files that are fetched from one target at once. */
  pulledFiles: 10_000,
  /** Files of its own that are read of one node. */
  logFiles: 64,
  /** Past this a line of a log is cut where lines are looked at one by one. */
  logLineBytes: 16 * 1024,
  /** Characters of the text that lines are filtered by. */
  logFilterCharacters: 256,
  /** How long logs of a removed node are kept. */
  removedLogsMs: 24 * 3600_000,
  /** Rendered files, environment and secrets of one node, all together. */
  renderedBytes: 48 * 1024,
  /** Names and values of a family's environment, secrets included. */
  environmentBytes: 32 * 1024,
  environmentNames: 256,
  /** From TERM to KILL for a command that has to end: where nothing is said of it, and at most. */
  killAfterMs: 500,
  longestKillAfterMs: 10_000,
  /** Each stream of a command, in the frame of its outcome. */
  outcomeHeadBytes: 16 * 1024,
  /** Of each stream of a command what is told while it runs; the coordinator keeps no more of the beginning of a long one. */
  liveOutputBytes: 512 * 1024,
  /** Of that in one frame. */
  livePieceBytes: 16 * 1024,
  /** Each stream of a command, kept on the host. */
  execOutputBytes: 10 * 1024 * 1024,
  logTailBytes: 4 * 1024,
  /** Of a virtual machine of Erlang; one for each node. */
  crashDumpBytes: 16 * 1024 * 1024,
  csrBytes: 4 * 1024,
  artifactBytes: 2 * 1024 ** 3,
  expandedBytes: 8 * 1024 ** 3,
  /** Expanded over compressed, judged past `ratioFloorBytes` expanded. */
  expansionRatio: 200,
  ratioFloorBytes: 16 * 1024 ** 2,
  archiveEntries: 100_000,
  pathDepth: 40,
  pathNameBytes: 255,
  pathBytes: 4096,
  maxNodesPerOperation: 20_000,
  pageSizeDefault: 100,
  pageSizeMaximum: 1_000,
} as const;
