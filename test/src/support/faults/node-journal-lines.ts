/** A line of an agent's journal of nodes, behind its checksum. */
interface Entry {
  readonly kind: 'assignment' | 'record' | 'forget' | 'sync';
  readonly nodeId?: string;
  readonly record?: { readonly start?: { readonly isOver: boolean } };
}

/** Reads an agent's journal from outside. The last line may be on its way. */
export class NodeJournalLines {
  readonly #records = new Map<string, Entry['record']>();

  constructor(text: string) {
    for (const line of text.split('\n').slice(0, -1)) this.#apply(JSON.parse(line.slice(line.indexOf('{'))) as Entry);
  }

  /** Nodes with what was done for them; `isRunning`: a start is under way or has succeeded. */
  nodes(): { readonly nodeId: string; readonly isRunning: boolean }[] {
    return [...this.#records].map(([nodeId, record]) => ({ nodeId, isRunning: record?.start !== undefined && !record.start.isOver }));
  }

  #apply({ kind, nodeId = '', record }: Entry): void {
    if (kind === 'record') this.#records.set(nodeId, record);
    else if (kind === 'forget') this.#records.delete(nodeId);
  }
}
