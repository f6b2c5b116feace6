// What the benchmarks of many agents begin with: a real coordinator with a fleet in its store, and its agents not yet connected.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { BareFloor } from './bare-floor.js';
import { Crowd } from './crowd.js';
import { enrolFleet } from './enrolled-fleet.js';

const repository = join(import.meta.dirname, '..', '..', '..');

/** Calls `work` with a stage of so many agents, and takes it down afterwards, whatever comes. */
export async function onStage(agents, work) {
  if (!existsSync(join(repository, 'test/dist/support/workshop.js'))) throw new Error('there is no test/dist/support: npm run build');
  const { Workshop } = await import(join(repository, 'test/dist/support/workshop.js'));
  const { prepareSleepers } = await import(join(repository, 'test/dist/support/families.js'));
  const ends = [];
  let isWell = false;
  const workshop = await Workshop.open({ teardown: (end) => ends.push(end), passing: () => isWell, comment: (text) => console.error(text) });
  try {
    const { family, release } = await prepareSleepers(workshop);
    const { coordinator } = workshop;
    await coordinator.end('SIGTERM');
    const fleet = { repository, directory: coordinator.directory, familyId: family, releaseId: release, hosts: agents };
    const identities = await enrolFleet(fleet);
    const addresses = await coordinator.start();
    await work(new Stage(workshop, family, identities, addresses, ends));
    isWell = true;
  } finally {
    // The newest first: the workshop's directory goes last.
    for (const end of ends.reverse()) await end();
  }
}

class Stage {
  #ends;
  #identities;
  #port;

  constructor(workshop, family, identities, addresses, ends) {
    this.coordinator = workshop.coordinator;
    this.workshop = workshop;
    this.family = family;
    this.#identities = identities;
    this.#port = Number(addresses.agents.split(':').at(-1));
    this.#ends = ends;
  }

  /** The agents, not connected. */
  crowd() {
    const { directory } = this.coordinator;
    const crowd = new Crowd({ kind: 'agents', directory: this.#room('agents'), identities: this.#identities, authorityFile: join(directory, 'ca/ca.crt'), port: this.#port });
    this.#ends.push(() => crowd.end());
    return crowd;
  }

  /** As many bare sockets, not connected. To be ended when it has been measured. */
  async floor(options = {}) {
    const floor = await BareFloor.start({ repository, directory: this.#room('floor'), coordinatorDirectory: this.coordinator.directory, identities: this.#identities, ...options });
    this.#ends.push(() => floor.end());
    return floor;
  }

  #room(name) {
    const room = join(this.workshop.directory, name);
    mkdirSync(room, { recursive: true, mode: 0o700 });
    return room;
  }
}
