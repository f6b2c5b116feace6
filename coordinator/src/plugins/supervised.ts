/** What runs in a process that can be ended. */
export interface Supervised {
  /** It did not answer within the deadline that its host keeps. */
  hangs(): void;
}

export function isSupervised(instance: object): instance is Supervised {
  return 'hangs' in instance;
}
