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
  /** Rendered files, environment and secrets of one node, all together. */
  renderedBytes: 48 * 1024,
  /** Names and values of a family's environment, secrets included. */
  environmentBytes: 32 * 1024,
  environmentNames: 256,
  /** Each stream of a command, in the frame of its outcome. */
  outcomeHeadBytes: 16 * 1024,
  /** Each stream of a command, kept on the host. */
  execOutputBytes: 10 * 1024 * 1024,
  logTailBytes: 4 * 1024,
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
