import ImageCatalog
import LinuxSystem
import Model
import Networking
import OCITypes
import Testing

@testable import ContainerEngine
@testable import DockerAPI

/// What networks, volumes, events and the system look like on the wire.
@Suite struct OtherGoldenTests {
  @Test func inspectsANetwork() throws {
    let network = NetworkRecord(
      id: Samples.networkID, name: "nn", driver: "bridge", subnet: IPv4Subnet("172.17.0.0/16"),
      gateway: IPv4Address("172.17.0.1"), ipRange: IPv4Subnet("172.17.1.0/24"), isInternal: true, attachable: true,
      labels: ["a": "b"], options: ["c": "d"], createdUnixNanoseconds: Samples.time)
    var writer = JSONWriter()
    NetworkResponse.write(
      network, endpoints: [(Samples.view(Samples.record()), Samples.endpoint())], into: &writer)
    try Golden.expect(writer.bytes, is: "network-inspect.json")
  }

  @Test func showsAVolume() throws {
    let record = VolumeRecord(
      name: "data", createdAt: Samples.time, labels: ["a": "b"], options: [:], anonymous: false, populated: true)
    var writer = JSONWriter()
    VolumeResponse.write(
      VolumeView(record: record, mountpoint: "/v/data", references: [Samples.containerID()], sizeBytes: 77),
      into: &writer)
    try Golden.expect(writer.bytes, is: "volume.json")
  }

  @Test func sendsEvents() throws {
    let container = EngineEvent(
      kind: .container, action: "die", actorID: "c1", attributes: ["image": "busybox", "name": "web", "exitCode": "0"],
      time: Samples.time)
    try Golden.expect(EventRoutes.encode(container), is: "event-container.json")
    let network = EngineEvent(
      kind: .network, action: "connect", actorID: "n1", attributes: ["name": "nn"], time: Samples.time)
    try Golden.expect(EventRoutes.encode(network), is: "event-network.json")
  }

  private static let info = EngineInfo(
    engineID: "ID", name: "host", version: "0.1.0", kernelVersion: "6.18.0", operatingSystem: "Debian GNU/Linux 12",
    osVersion: "12", architecture: "x86_64", processors: 2, memoryBytes: 1 << 30, containers: 6, running: 3, paused: 1,
    stopped: 2, images: 4, rootDirectory: "/var/lib/bulkhead/engine", cgroupMode: .v2,
    runtimes: ["crun": "/usr/bin/crun"], defaultRuntime: "crun", logDrivers: ["json-file"],
    networkDrivers: ["bridge"], securityOptions: ["name=userns"],
    limits: .init(
      memory: true, swap: true, processor: true, processorSet: true, processes: true, blockDevices: true,
      blockWeights: true, killSwitch: false),
    defaultLogDriver: "json-file", warnings: ["careful"], forwarding: true, eventListeners: 1, openDescriptors: 9)

  @Test func tellsVersionAndInfo() throws {
    try Golden.expect(SystemResponse.version(Self.info, product: "0.1.0"), is: "version.json")
    try Golden.expect(SystemResponse.info(Self.info, now: Samples.time), is: "info.json")
  }
}
