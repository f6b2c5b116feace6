/**
 * How each end notices that the other is gone without a word. A host is to be `unknown` at most
 * 15 s after its packets began to be lost; a second of that is left for work that stands in queues.
 *
 * - From the agent nothing arrives (its words are lost, or it hangs): `silentAfterMs` after its last
 *   frame, seen at the next look: 12 s + 0.5 s = 12.5 s.
 * - To the agent nothing arrives, while its beats do: it has to end the session itself. The worst is
 *   that the loss begins just after an answer: `pingAfterMs` to the next ping, `pingAnswerMs` for its
 *   answer, and what an agent that only restarts has to come back: 5.5 s + 6 s + 2 s = 13.5 s.
 */
export const liveness = {
  /** How often an agent says something. */
  beatMs: 4_000,
  /** Without any frame for this long a host is silent; two beats may be lost. */
  silentAfterMs: 12_000,
  /** Period of the coordinator's look at all sessions. */
  lookMs: 500,
  /** From the answer to an agent's last ping of the connection to its next one. Each costs an idle agent processor time. */
  pingAfterMs: 5_500,
  /** A coordinator that is busy for 5 s has not gone. */
  pingAnswerMs: 6_000,
  /** From the end of a session until its host is `unknown`: an agent that is started again is back before. */
  reconnectGraceMs: 2_000,
} as const;
