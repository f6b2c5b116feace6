import type { Clock, JsonObject, ProviderInstance } from '@wombat/plugin-sdk';
import { FakeHost } from '@wombat/plugin-sdk/testing';
import { OpenstackProvider } from '../openstack-provider.js';
import { settingsSchema } from '../settings.js';

export const clusterId = 'openstacktest';

export function payloadOf(hostId: string): Buffer {
  return Buffer.from(`#!/bin/sh\n# first boot of ${hostId}\n`);
}

/** The driver as it is, with a clock of the test's. */
export function providerUnderTest(settings: JsonObject, clock: Clock): ProviderInstance {
  return new OpenstackProvider({ settings: settingsSchema.parse(settings), clusterId, host: new FakeHost({ installPayload: payloadOf }), clock });
}
