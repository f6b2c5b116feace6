/** One immutable line of history. Transitions only. */
export interface Event {
  readonly sequence: number;
  readonly time: number;
  readonly type: string;
  readonly subjectId: string;
  readonly subjectName: string;
  readonly operationId: string;
  readonly familyId: string;
  readonly hostId: string;
  readonly nodeId: string;
  readonly reason: string;
  readonly message: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly payloadVersion: number;
}

/** What the writer of an event says; the store adds sequence number and time. */
export type NewEvent = Pick<Event, 'type' | 'subjectId' | 'subjectName' | 'reason' | 'message'> &
  Partial<Pick<Event, 'operationId' | 'familyId' | 'hostId' | 'nodeId' | 'payload' | 'payloadVersion'>>;
