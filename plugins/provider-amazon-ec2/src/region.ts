import { ProviderError } from '@wombat/plugin-sdk';
import type { Ec2Settings } from './settings.js';

/**
 * A provider is of one region: ids, groups and images of others mean nothing in it.
 *
 * @throws ProviderError invalid for any other
 */
export function checkRegion(given: string, { region }: Pick<Ec2Settings, 'region'>): void {
  if (given !== '' && given !== region) throw ProviderError.invalid('region', `this provider is of the region ${region}; others need a provider of their own`);
}
