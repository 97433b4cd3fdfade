import { Account } from './account.ts';
import { Caller, type LinodeOptions } from './caller.ts';
import { Catalogue } from './catalogue.ts';
import { Domains } from './domains.ts';
import { Firewalls } from './firewalls.ts';
import { Images } from './images.ts';
import { Instances } from './instances.ts';
import { PlacementGroups } from './placement.ts';

/**
 * The calls of Linode's API that a fleet makes. Every one of them rejects with a LinodeError. Names in answers are Linode's own; what
 * this client does not know is left out, so that Linode may add to it.
 */
export class Linode {
  readonly instances: Instances;
  readonly catalogue: Catalogue;
  readonly firewalls: Firewalls;
  readonly placementGroups: PlacementGroups;
  readonly images: Images;
  readonly account: Account;
  readonly domains: Domains;

  constructor(options: LinodeOptions) {
    const caller = new Caller(options);
    this.instances = new Instances(caller);
    this.catalogue = new Catalogue(caller);
    this.firewalls = new Firewalls(caller);
    this.placementGroups = new PlacementGroups(caller);
    this.images = new Images(caller);
    this.account = new Account(caller);
    this.domains = new Domains(caller);
  }
}
