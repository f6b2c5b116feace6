import { DescribeSpotPriceHistoryCommand } from '@aws-sdk/client-ec2';
import { Unit, type Price } from '@wombat/plugin-sdk';
import type { Ec2Api } from './ec2-api.js';

/** Of now, of Linux, one for each type: that of its dearest zone, as EC2 chooses the zone where nobody else does. */
export async function spotPrices(api: Ec2Api, now: number, signal: AbortSignal): Promise<Price[]> {
  const asked = { StartTime: new Date(now), EndTime: new Date(now), ProductDescriptions: ['Linux/UNIX'], MaxResults: 1_000 };
  const found = await api.all((token) => new DescribeSpotPriceHistoryCommand({ ...asked, ...token }), (page) => page.SpotPriceHistory, signal);
  const dearest = new Map<string, number>();
  for (const { InstanceType, SpotPrice } of found) {
    const amount = Number(SpotPrice);
    if (InstanceType && amount > (dearest.get(InstanceType) ?? 0)) dearest.set(InstanceType, amount);
  }
  return [...dearest].map(([hardwareProfile, amount]) => ({ hardwareProfile, perHour: { amount, unit: Unit.PRICE_PER_HOUR, currency: 'USD' }, spot: true }));
}
