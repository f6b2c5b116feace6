"""Machines that are processes: each runs its install payload in a directory of its own, in a session of its own."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from wombat.plugin.v1 import host_services_pb2 as services, host_services_pb2_grpc as services_grpc
from wombat.plugin.v1 import plugin_pb2 as plugin, plugin_pb2_grpc as plugin_grpc
from wombat.plugin.v1 import provider_pb2 as pb, provider_pb2_grpc as provider_grpc

COOKIE = "6a2b1c0e8f5d4b7f9e3a7c5d1f0b8e64"
# It becomes the name of a directory.
HOST_ID = re.compile(r"host-[a-z2-7]{12}")
SCHEMA = {
    "type": "object",
    "properties": {"directory": {"type": "string", "description": "where machines have their directories"}},
    "required": ["directory"],
    "additionalProperties": False,
}
DESCRIPTION = plugin.Description(
    name="processes", kind=plugin.PLUGIN_KIND_PROVIDER, version="0.1.0", api_versions=["provider.v1"],
    summary="machines are processes of this machine", settings_schema=json.dumps(SCHEMA),
)
# Started twice for one directory, the second ends at once: only one of them can make `started`.
MACHINE = ["sh", "-c", "mkdir started || exit 0; echo $$ >pid.half; mv pid.half pid; sh ./payload >output 2>&1; while :; do sleep 3600; done"]


class Refused(Exception):
    """A value that is not accepted; asking again is of no use."""


class Machine:
    """A directory with what is known of a machine, written before it is started."""

    def __init__(self, path):
        self.path = path

    @property
    def tags(self):
        return json.loads((self.path / "tags.json").read_text())

    def write(self, tags, payload):
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.path / "payload").write_bytes(payload)
        (self.path / "tags.half").write_text(json.dumps(tags))
        (self.path / "tags.half").rename(self.path / "tags.json")

    def start(self):
        if not (self.path / "started").exists():
            child = subprocess.Popen(MACHINE, cwd=self.path, start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            threading.Thread(target=child.wait, daemon=True).start()

    def pid(self):
        """None when it does not run. Another process that was given its pid is in another directory."""
        try:
            pid = int((self.path / "pid").read_text())
            return pid if os.readlink(f"/proc/{pid}/cwd") == str(self.path) else None
        except OSError:
            return None

    def destroy(self):
        until = time.monotonic() + 2
        while (self.path / "started").exists() and not (self.path / "pid").exists() and time.monotonic() < until:
            time.sleep(0.01)
        if pid := self.pid():
            os.killpg(pid, signal.SIGKILL)
        shutil.rmtree(self.path, ignore_errors=True)

    def told(self):
        tags = self.tags
        state = pb.MACHINE_STATE_RUNNING if self.pid() else pb.MACHINE_STATE_STOPPED if (self.path / "pid").exists() else pb.MACHINE_STATE_CREATING
        return pb.Machine(machine_id=self.path.name, key=tags["wombat-key"], host_id=tags["wombat-host"], state=state, tags=tags)


class PluginService(plugin_grpc.PluginServiceServicer):
    def Describe(self, request, context):
        return plugin.DescribeResponse(description=DESCRIPTION)


class ProviderService(provider_grpc.ProviderServiceServicer):
    """Calls that are not here, those of abilities that it does not flag, are answered with UNIMPLEMENTED."""

    def DescribeProvider(self, request, context):
        return pb.DescribeProviderResponse(description=DESCRIPTION, abilities=pb.ProviderAbilities(max_install_payload_bytes=1 << 20, lists_at_once=True))

    def Validate(self, request, context):
        settings = json.loads(request.settings)
        wrong = {name: "there is no such setting" for name in settings if name != "directory"}
        if not isinstance(settings.get("directory"), str) or not settings["directory"].startswith("/"):
            wrong["directory"] = "must be an absolute path"
        return pb.ValidateResponse(notes=[plugin.Note(level=plugin.NOTE_LEVEL_ERROR, field=field, message=message) for field, message in wrong.items()])

    def Configure(self, request, context):
        self.directory = Path(json.loads(request.settings)["directory"]).resolve()
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.cluster = request.cluster_id
        self.host = services_grpc.HostServicesServiceStub(grpc.insecure_channel("unix:" + os.environ["WOMBAT_HOST_SERVICES"]))
        return pb.ConfigureResponse()

    def Verify(self, request, context):
        return pb.VerifyResponse(identity=f"processes in {self.directory}")

    def ListImages(self, request, context):
        return pb.ListImagesResponse(images=[pb.Image(id="sh", name="POSIX shell")])

    def ListHardwareProfiles(self, request, context):
        return pb.ListHardwareProfilesResponse(hardware_profiles=[pb.HardwareProfile(id="process", name="a process")])

    def ListRegions(self, request, context):
        return pb.ListRegionsResponse()

    def ListZones(self, request, context):
        return pb.ListZonesResponse()

    def CreateHosts(self, request, context):
        return pb.CreateHostsResponse(results=[self.create(spec, context) for spec in request.hosts])

    def ListHosts(self, request, context):
        ours = [machine for machine in self.machines() if machine.tags["wombat-cluster"] == request.cluster_id]
        return pb.ListHostsResponse(machines=[machine.told() for machine in ours])

    def DestroyHosts(self, request, context):
        for machine_id in filter(HOST_ID.fullmatch, request.machine_ids):
            Machine(self.directory / machine_id).destroy()
        return pb.DestroyHostsResponse(results=[pb.DestroyHostResult(machine_id=machine_id) for machine_id in request.machine_ids])

    def machines(self):
        return [Machine(path.parent) for path in self.directory.glob("host-*/tags.json")]

    def create(self, spec, context):
        try:
            if not HOST_ID.fullmatch(spec.host_id):
                raise Refused("this is no id of a host")
            machine = Machine(self.directory / spec.host_id)
            if not (machine.path / "tags.json").exists():
                payload = self.host.GetInstallPayload(services.GetInstallPayloadRequest(host_id=spec.host_id)).payload
                tags = {**spec.tags, "wombat-cluster": self.cluster, "wombat-host": spec.host_id, "wombat-key": spec.key}
                machine.write(tags, payload)
            # A call that was taken back is asked again with the same key: what is written down is started then.
            if context.is_active():
                machine.start()
            return pb.CreateHostResult(key=spec.key, machine=machine.told())
        except Refused as error:
            return pb.CreateHostResult(key=spec.key, failure=pb.ProviderFailure(kind=pb.FAILURE_KIND_INVALID, message=str(error)))
        except grpc.RpcError as error:
            # The coordinator refuses a payload that is larger than this plugin says it takes.
            invalid = error.code() == grpc.StatusCode.INVALID_ARGUMENT
            kind = pb.FAILURE_KIND_INVALID if invalid else pb.FAILURE_KIND_UNAVAILABLE
            return pb.CreateHostResult(key=spec.key, failure=pb.ProviderFailure(kind=kind, message=error.details(), may_retry=not invalid))


def main():
    if os.environ.get("WOMBAT_PLUGIN") != COOKIE:
        sys.exit("This is a plugin of Wombat. It is not run by hand: name it in the list `plugins` of the coordinator's configuration.")
    server = grpc.server(ThreadPoolExecutor(max_workers=16))
    plugin_grpc.add_PluginServiceServicer_to_server(PluginService(), server)
    provider_grpc.add_ProviderServiceServicer_to_server(ProviderService(), server)
    serving = health.HealthServicer()
    serving.set("plugin", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(serving, server)
    socket = os.path.join(os.environ["PLUGIN_UNIX_SOCKET_DIR"], "plugin.sock")
    server.add_insecure_port(f"unix:{socket}")
    server.start()
    print(f"1|1|unix|{socket}|grpc|", flush=True)
    # The coordinator ends a plugin by closing its standard input.
    sys.stdin.buffer.read()
    server.stop(grace=2).wait()


if __name__ == "__main__":
    main()
