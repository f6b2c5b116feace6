import type { ProviderInstance } from '@wombat/plugin-sdk';

/** An instance that runs in a process which can be ended. */
export interface SupervisedInstance extends ProviderInstance {
  /** It did not answer within the deadline that its host keeps. */
  hangs(): void;
}

export function isSupervised(instance: ProviderInstance): instance is SupervisedInstance {
  return 'hangs' in instance;
}
