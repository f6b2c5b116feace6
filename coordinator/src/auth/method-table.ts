import { WombatError } from '@wombat/proto';
import { certificateRefused } from './certificate-index.js';
import type { Identity, Permission } from './identity.js';

/** Who may call a method. `anyone` is for strangers too. */
export type MethodRule =
  | { readonly identity: 'operator'; readonly permission: Permission }
  /** `evenLapsed`: also with a certificate that has expired a while ago. */
  | { readonly identity: 'host'; readonly evenLapsed?: true }
  | { readonly identity: 'anyone' };

const operator = (permission: Permission): MethodRule => ({ identity: 'operator', permission });
const [read, write, exec, console, admin] = [operator('read'), operator('write'), operator('exec'), operator('console'), operator('admin')];
const host: MethodRule = { identity: 'host' };
const evenLapsedHost: MethodRule = { identity: 'host', evenLapsed: true };
const anyone: MethodRule = { identity: 'anyone' };

/** Every method of the coordinator by its full path. What is not in here cannot be called. */
export const methodTable: Readonly<Record<string, MethodRule>> = {
  '/wombat.agent.v1.EnrolmentService/Enrol': anyone,
  '/wombat.agent.v1.EnrolmentService/RenewCertificate': evenLapsedHost,
  '/wombat.agent.v1.ArtifactService/FetchArtifact': host,
  '/wombat.agent.v1.SessionService/Session': host,
  '/wombat.agent.v1.SessionService/Channel': host,

  '/wombat.control.v1.ConsoleService/OpenConsole': console,
  '/wombat.control.v1.EventService/ListEvents': read,
  '/wombat.control.v1.EventService/FollowEvents': read,
  '/wombat.control.v1.FamilyService/CreateFamily': write,
  '/wombat.control.v1.FamilyService/ListFamilies': read,
  '/wombat.control.v1.FamilyService/GetFamily': read,
  '/wombat.control.v1.FamilyService/GetFamilyStatus': read,
  '/wombat.control.v1.FamilyService/SetFirewall': write,
  '/wombat.control.v1.FamilyService/AttachRelease': write,
  '/wombat.control.v1.FamilyService/SetEnvironment': write,
  '/wombat.control.v1.FamilyService/AddDomain': write,
  '/wombat.control.v1.FamilyService/RemoveDomain': write,
  '/wombat.control.v1.FamilyService/DeployNodes': write,
  '/wombat.control.v1.FamilyService/UpdateFamily': write,
  '/wombat.control.v1.FamilyService/ListFamilyRevisions': read,
  '/wombat.control.v1.FamilyService/RemoveFamily': write,
  '/wombat.control.v1.FamilyService/ScaleFamily': write,
  '/wombat.control.v1.FamilyService/SetReplacement': write,
  '/wombat.control.v1.FileService/UploadFile': exec,
  '/wombat.control.v1.FileService/PullFiles': exec,
  '/wombat.control.v1.HostService/ListHosts': read,
  '/wombat.control.v1.HostService/GetHost': read,
  '/wombat.control.v1.HostService/DrainHost': write,
  '/wombat.control.v1.HostService/RemoveHost': write,
  '/wombat.control.v1.HostService/RevokeHost': admin,
  '/wombat.control.v1.HostService/ReplaceHost': write,
  '/wombat.control.v1.HostService/UpdateAgents': admin,
  '/wombat.control.v1.JobService/MatchTargets': read,
  '/wombat.control.v1.JobService/CreateJob': exec,
  '/wombat.control.v1.JobService/ListJobs': read,
  '/wombat.control.v1.JobService/GetJob': read,
  '/wombat.control.v1.JobService/WatchJob': read,
  '/wombat.control.v1.JobService/CancelJob': exec,
  '/wombat.control.v1.JobService/RerunJob': exec,
  '/wombat.control.v1.JobService/ResumeJob': exec,
  '/wombat.control.v1.NodeService/ListNodes': read,
  '/wombat.control.v1.NodeService/GetNode': read,
  '/wombat.control.v1.NodeService/StartNodes': write,
  '/wombat.control.v1.NodeService/StopNodes': write,
  '/wombat.control.v1.NodeService/RestartNodes': write,
  '/wombat.control.v1.NodeService/DrainNodes': write,
  '/wombat.control.v1.NodeService/RemoveNodes': write,
  '/wombat.control.v1.NodeService/RenderNode': read,
  '/wombat.control.v1.NodeService/ReadNodeLogs': read,
  '/wombat.control.v1.NodeService/ListNodeLogs': read,
  '/wombat.control.v1.OperationService/ListOperations': read,
  '/wombat.control.v1.OperationService/GetOperation': read,
  '/wombat.control.v1.OperationService/WatchOperation': read,
  '/wombat.control.v1.OperationService/CancelOperation': write,
  '/wombat.control.v1.OperatorService/CreateOperatorToken': admin,
  '/wombat.control.v1.OperatorService/ListOperatorTokens': admin,
  '/wombat.control.v1.OperatorService/RevokeOperatorToken': admin,
  '/wombat.control.v1.ProviderService/RegisterProvider': admin,
  '/wombat.control.v1.ProviderService/ListProviders': read,
  '/wombat.control.v1.ProviderService/GetProvider': read,
  '/wombat.control.v1.ProviderService/VerifyProvider': write,
  '/wombat.control.v1.ProviderService/ListImages': read,
  '/wombat.control.v1.ProviderService/ListHardwareProfiles': read,
  '/wombat.control.v1.ProviderService/RemoveProvider': admin,
  '/wombat.control.v1.ReleaseService/UploadArtifact': write,
  '/wombat.control.v1.ReleaseService/CreateRelease': write,
  '/wombat.control.v1.ReleaseService/ListReleases': read,
  '/wombat.control.v1.ReleaseService/GetRelease': read,
  '/wombat.control.v1.ReleaseService/RemoveRelease': write,
  '/wombat.control.v1.StrayService/ListStrays': read,
  '/wombat.control.v1.StrayService/RemoveStrays': write,
  '/wombat.control.v1.SystemService/GetVersion': read,
  '/wombat.control.v1.SystemService/ListPlugins': read,
  '/wombat.control.v1.SystemService/Diagnose': read,
  '/wombat.control.v1.SystemService/CreateBackup': admin,
  '/wombat.control.v1.TokenService/CreateJoinToken': admin,
  '/wombat.control.v1.TokenService/ListJoinTokens': read,
  '/wombat.control.v1.TokenService/RevokeJoinToken': admin,

  '/grpc.health.v1.Health/Check': read,
  '/grpc.health.v1.Health/Watch': read,
  '/grpc.health.v1.Health/List': read,
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo': read,
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo': read,
};

/** A service as far as the table minds: the paths of its methods. */
export interface MethodPaths {
  readonly definition: Readonly<Record<string, { readonly path: string }>>;
}

/** The one gate of every call, whatever door it comes through. Denies by default. */
export class MethodTable {
  private readonly rules: ReadonlyMap<string, MethodRule>;

  constructor(rules: Readonly<Record<string, MethodRule>> = methodTable) {
    this.rules = new Map(Object.entries(rules));
  }

  /**
   * The coordinator does not start unless the table and the registered services agree.
   * @throws WombatError WO_INTERNAL naming every method that is only on one side
   */
  assertComplete(services: readonly MethodPaths[]): void {
    const registered = new Set(services.flatMap((service) => Object.values(service.definition).map((method) => method.path)));
    const unlisted = [...registered].filter((path) => !this.rules.has(path));
    const absent = [...this.rules.keys()].filter((path) => !registered.has(path));
    if (unlisted.length === 0 && absent.length === 0) return;
    const parts = [
      ...(unlisted.length > 0 ? [`not in the method table: ${unlisted.join(', ')}`] : []),
      ...(absent.length > 0 ? [`in the method table but not served: ${absent.join(', ')}`] : []),
    ];
    throw new WombatError('WO_INTERNAL', `the coordinator will not start: ${parts.join('; ')}`);
  }

  /** @throws WombatError WO_METHOD_UNKNOWN, WO_UNAUTHENTICATED, WO_CERTIFICATE_REFUSED, WO_PERMISSION_DENIED unless the identity may call the method */
  admit(path: string, identity: Identity): void {
    const rule = this.rules.get(path);
    if (!rule) throw new WombatError('WO_METHOD_UNKNOWN', `there is no method ${path.slice(0, 200)}`);
    if (rule.identity === 'anyone') return;
    if (identity.kind === 'none') throw new WombatError('WO_UNAUTHENTICATED', `${path} needs the identity of ${an(rule.identity)}`);
    if (identity.kind === 'lapsed-host' && rule.identity === 'host') {
      if (rule.evenLapsed) return;
      throw certificateRefused('expired');
    }
    if (identity.kind !== rule.identity) throw new WombatError('WO_PERMISSION_DENIED', `${path} is for ${rule.identity}s only`);
    if (rule.identity !== 'operator' || identity.kind !== 'operator') return;
    if (!identity.permissions.includes(rule.permission)) {
      throw new WombatError('WO_PERMISSION_DENIED', `${path} needs the permission ${rule.permission}, which ${identity.name} does not have`, {
        details: { permission: rule.permission },
      });
    }
  }
}

function an(kind: 'operator' | 'host'): string {
  return kind === 'operator' ? 'an operator' : 'a host';
}
