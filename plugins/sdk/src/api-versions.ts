/** Versions of the contract that this SDK implements. A plugin declares those that it was written for. */
export const apiVersions = {
  provider: 'provider.v1',
  bootstrapStrategy: 'bootstrap-strategy.v1',
} as const;

export type ProviderApiVersion = typeof apiVersions.provider;
export type BootstrapStrategyApiVersion = typeof apiVersions.bootstrapStrategy;
