// Machines that are directories, each with its tags and its install payload: the least that keeps every promise of a provider.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"

	"example.org/wombat-provider-directories/pb"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// The coordinator's; without it go-plugin says that this is a plugin, and ends.
var handshake = plugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: "WOMBAT_PLUGIN", MagicCookieValue: "6a2b1c0e8f5d4b7f9e3a7c5d1f0b8e64"}

// Services of the coordinator: the install payload, which a machine runs at its first boot, and the log.
var connection, _ = grpc.NewClient("unix:"+os.Getenv("WOMBAT_HOST_SERVICES"), grpc.WithTransportCredentials(insecure.NewCredentials()))
var coordinator = pb.NewHostServicesServiceClient(connection)

// What the coordinator may name a host; it becomes the name of a directory.
var idPattern = regexp.MustCompile(`^host-[a-z2-7]{12}$`)

var description = &pb.Description{
	Name: "directories", Kind: pb.PluginKind_PLUGIN_KIND_PROVIDER, Version: "0.1.0", ApiVersions: []string{"provider.v1"},
	Summary:        "machines are directories of this machine",
	SettingsSchema: `{"type":"object","properties":{"directory":{"type":"string","description":"where machines have their directories"}},"required":["directory"],"additionalProperties":false}`,
}

// provider answers UNIMPLEMENTED to the optional calls that it does not have.
type provider struct {
	pb.UnimplementedPluginServiceServer
	pb.UnimplementedProviderServiceServer
	directory, cluster string
}

func (p *provider) Describe(context.Context, *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	return &pb.DescribeResponse{Description: description}, nil
}
func (p *provider) DescribeProvider(context.Context, *pb.DescribeProviderRequest) (*pb.DescribeProviderResponse, error) {
	return &pb.DescribeProviderResponse{Description: description, Abilities: &pb.ProviderAbilities{MaxInstallPayloadBytes: 1 << 20, ListsAtOnce: true}}, nil
}

func (p *provider) Validate(_ context.Context, request *pb.ValidateRequest) (*pb.ValidateResponse, error) {
	settings, wrong, answer := map[string]any{}, map[string]string{}, &pb.ValidateResponse{}
	_ = json.Unmarshal([]byte(request.Settings), &settings)
	for name := range settings {
		wrong[name] = "there is no such setting"
	}
	delete(wrong, "directory")
	if directory, isText := settings["directory"].(string); !isText || !filepath.IsAbs(directory) {
		wrong["directory"] = "must be an absolute path"
	}
	for name, message := range wrong {
		answer.Notes = append(answer.Notes, &pb.Note{Level: pb.NoteLevel_NOTE_LEVEL_ERROR, Field: name, Message: message})
	}
	return answer, nil
}

func (p *provider) Configure(_ context.Context, request *pb.ConfigureRequest) (*pb.ConfigureResponse, error) {
	settings := struct{ Directory string }{}
	err := json.Unmarshal([]byte(request.Settings), &settings)
	p.directory, p.cluster = settings.Directory, request.ClusterId
	return &pb.ConfigureResponse{}, errors.Join(err, os.MkdirAll(p.directory, 0o700))
}

func (p *provider) Verify(context.Context, *pb.VerifyRequest) (*pb.VerifyResponse, error) {
	return &pb.VerifyResponse{Identity: "directories in " + p.directory}, nil
}
func (p *provider) ListImages(context.Context, *pb.ListImagesRequest) (*pb.ListImagesResponse, error) {
	return &pb.ListImagesResponse{Images: []*pb.Image{{Id: "empty", Name: "an empty directory"}}}, nil
}
func (p *provider) ListHardwareProfiles(context.Context, *pb.ListHardwareProfilesRequest) (*pb.ListHardwareProfilesResponse, error) {
	return &pb.ListHardwareProfilesResponse{HardwareProfiles: []*pb.HardwareProfile{{Id: "directory", Name: "a directory"}}}, nil
}
func (p *provider) ListRegions(context.Context, *pb.ListRegionsRequest) (*pb.ListRegionsResponse, error) {
	return &pb.ListRegionsResponse{}, nil
}
func (p *provider) ListZones(context.Context, *pb.ListZonesRequest) (*pb.ListZonesResponse, error) {
	return &pb.ListZonesResponse{}, nil
}

func (p *provider) CreateHosts(ctx context.Context, request *pb.CreateHostsRequest) (*pb.CreateHostsResponse, error) {
	answer := &pb.CreateHostsResponse{}
	for _, spec := range request.Hosts {
		made, err := p.create(ctx, spec)
		result := &pb.CreateHostResult{Key: spec.Key, Outcome: &pb.CreateHostResult_Machine{Machine: made}}
		if err != nil {
			result.Outcome = &pb.CreateHostResult_Failure{Failure: failure(err)}
		}
		answer.Results = append(answer.Results, result)
	}
	return answer, nil
}

// create makes the directory whole or not at all: it is filled under another name, then renamed.
func (p *provider) create(ctx context.Context, spec *pb.HostSpec) (*pb.Machine, error) {
	if !idPattern.MatchString(spec.HostId) {
		return nil, status.Error(codes.InvalidArgument, "this is no id of a host")
	}
	if found, err := p.read(spec.HostId); err == nil {
		return found, nil
	}
	boot, err := coordinator.GetInstallPayload(ctx, &pb.GetInstallPayloadRequest{HostId: spec.HostId})
	if err != nil {
		return nil, err
	}
	tags := map[string]string{"wombat-cluster": p.cluster, "wombat-host": spec.HostId, "wombat-key": spec.Key}
	maps.Copy(tags, spec.Tags)
	half, err := os.MkdirTemp(p.directory, ".half-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(half)
	text, _ := json.Marshal(tags)
	err = errors.Join(os.WriteFile(filepath.Join(half, "tags.json"), text, 0o600), os.WriteFile(filepath.Join(half, "payload"), boot.Payload, 0o600), ctx.Err())
	if err != nil {
		return nil, err
	}
	// Where two come at once, one finds what the other has made.
	_ = os.Rename(half, filepath.Join(p.directory, spec.HostId))
	return p.read(spec.HostId)
}

func (p *provider) read(id string) (*pb.Machine, error) {
	tags := map[string]string{}
	text, err := os.ReadFile(filepath.Join(p.directory, id, "tags.json"))
	if err == nil {
		err = json.Unmarshal(text, &tags)
	}
	return &pb.Machine{MachineId: id, Key: tags["wombat-key"], HostId: tags["wombat-host"], State: pb.MachineState_MACHINE_STATE_RUNNING, Tags: tags}, err
}

func (p *provider) ListHosts(_ context.Context, request *pb.ListHostsRequest) (*pb.ListHostsResponse, error) {
	entries, err := os.ReadDir(p.directory)
	answer := &pb.ListHostsResponse{}
	for _, entry := range entries {
		if found, err := p.read(entry.Name()); err == nil && idPattern.MatchString(entry.Name()) && found.Tags["wombat-cluster"] == request.ClusterId {
			answer.Machines = append(answer.Machines, found)
		}
	}
	return answer, err
}

// DestroyHosts: what is no id of a host was never made here, and so is gone.
func (p *provider) DestroyHosts(_ context.Context, request *pb.DestroyHostsRequest) (*pb.DestroyHostsResponse, error) {
	answer := &pb.DestroyHostsResponse{}
	for _, id := range request.MachineIds {
		var err error
		if idPattern.MatchString(id) {
			err = os.RemoveAll(filepath.Join(p.directory, id))
		}
		answer.Results = append(answer.Results, &pb.DestroyHostResult{MachineId: id, Failure: failure(err)})
	}
	return answer, nil
}

// failure keeps "the value is refused", which the coordinator also says of a payload that is too large; all else may be tried again.
func failure(err error) *pb.ProviderFailure {
	switch status.Code(err) {
	case codes.OK:
		return nil
	case codes.InvalidArgument:
		return &pb.ProviderFailure{Kind: pb.FailureKind_FAILURE_KIND_INVALID, Message: status.Convert(err).Message()}
	default:
		return &pb.ProviderFailure{Kind: pb.FailureKind_FAILURE_KIND_UNAVAILABLE, Message: err.Error(), MayRetry: true}
	}
}

// served is how go-plugin is told what to serve. Of GRPCPlugin only the server's half is needed.
type served struct {
	plugin.NetRPCUnsupportedPlugin
	plugin.GRPCPlugin
}

func (served) GRPCServer(_ *plugin.GRPCBroker, server *grpc.Server) error {
	own := &provider{}
	pb.RegisterPluginServiceServer(server, own)
	pb.RegisterProviderServiceServer(server, own)
	return nil
}

func main() {
	// The coordinator ends a plugin by closing its standard input.
	if os.Getenv(handshake.MagicCookieKey) == handshake.MagicCookieValue {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(0)
		}()
	}
	plugin.Serve(&plugin.ServeConfig{HandshakeConfig: handshake, Plugins: plugin.PluginSet{"provider": served{}}, GRPCServer: plugin.DefaultGRPCServer})
}
