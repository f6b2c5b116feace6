/** One request and its answer, as they are recorded. `{{base}}` stands for the address of the cloud, `token-N` for its Nth token. */
export interface Exchange {
  readonly request: AskedFor;
  /** `lost`: the cloud has done it, its answer did not arrive. */
  readonly answer: Answer | 'lost';
}

export interface AskedFor {
  /** Who asks: the driver, or a test that looks behind it. */
  readonly as: 'driver' | 'admin' | 'member';
  readonly method: string;
  /** Begins with the service: "/compute/v2.1/servers?limit=200". */
  readonly path: string;
  readonly microversion?: string;
  readonly token?: string;
  readonly body?: unknown;
}

export interface Answer {
  readonly status: number;
  readonly token?: string;
  readonly body?: unknown;
}

/** What a case of the suite needs to know of the cloud beside the exchanges. */
export interface CloudFacts {
  readonly userId: string;
}

export interface Recording {
  readonly facts: CloudFacts;
  readonly exchanges: readonly Exchange[];
}
