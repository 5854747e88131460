import LinuxSystem
import Model
import Networking

@testable import ContainerEngine

/// Things of the domain with every field set, for the tests of what they look like on the wire.
enum Samples {
  /// 2026-01-02T03:04:05.123456789Z.
  static let time: Int64 = 1_767_323_045_123_456_789
  static let imageID = Digest(bytes: [UInt8](repeating: 0xAB, count: 32))
  static let networkID = NetworkID(unchecked: String(repeating: "5", count: 64))

  static func containerID(_ digit: Character = "1") -> ContainerID {
    ContainerID(unchecked: String(repeating: digit, count: 64))
  }

  static func endpoint(_ container: ContainerID = containerID()) -> EndpointRecord {
    EndpointRecord(
      endpointID: String(repeating: "e", count: 64), networkID: networkID, containerID: container,
      interfaceHost: "bh1", interfaceContainer: "eth0", address: IPv4Address(bits: 0xAC11_0002), prefixLength: 16,
      gateway: IPv4Address(bits: 0xAC11_0001), macAddress: "02:42:ac:11:00:02", aliases: [], dnsNames: ["web", "1111"])
  }

  static func record(_ digit: Character = "1", name: String = "web", settings: ContainerSettings? = nil)
    -> ContainerRecord
  {
    let id = containerID(digit)
    var settings = settings ?? ContainerSettings(image: "busybox:latest")
    settings.command = settings.command ?? ["echo", "hello world"]
    var record = ContainerRecord(
      id: id, name: name, settings: settings, imageID: imageID, layers: [], ids: IDRange(first: 100_000),
      createdAt: time, arguments: ["echo", "hello world"], environment: ["PATH=/bin", "A=b"], workingDirectory: "/",
      user: "", stopSignal: 15, stopSignalName: "SIGTERM", exposedPorts: [ContainerPort(number: 80, transport: .tcp)],
      healthcheck: nil, labels: ["tier": "front"], mounts: [], hostname: "111111111111", networks: [], runtime: "crun",
      logDriver: "json-file")
    record.endpoints = ["bridge": endpoint(id)]
    record.run.status = .running
    record.run.pid = 4_711
    record.run.startedAt = time + 1_000_000_000
    record.publishedPorts = [
      PortBinding(protocol: .tcp, containerPort: 80, hostAddress: "0.0.0.0", hostPort: 8_080),
      PortBinding(protocol: .tcp, containerPort: 80, hostAddress: "::", hostPort: 8_080),
    ]
    record.mounts = [
      MountPoint(
        kind: .volume, volumeName: "data", source: "/var/lib/x/data", destination: "/data", readOnly: false,
        propagation: "", modeText: "z", subpath: nil, noCopy: false, nonRecursive: false, tmpfsOptions: nil,
        shortSyntax: true),
      MountPoint(
        kind: .bind, volumeName: nil, source: "/srv", destination: "/srv", readOnly: true, propagation: "rprivate",
        modeText: "ro", subpath: nil, noCopy: false, nonRecursive: false, tmpfsOptions: nil, shortSyntax: true),
    ]
    return record
  }

  static func view(_ record: ContainerRecord, health: HealthState? = nil, revision: UInt64 = 1) -> ContainerView {
    ContainerView(
      record: record, health: health, execIDs: [], revision: revision, logPath: "/r/c/log",
      hostnamePath: "/r/c/hostname",
      hostsPath: "/r/c/hosts", resolvConfPath: "/r/c/resolv.conf")
  }

  static func stats(version2: Bool, offset: UInt64 = 0) -> StatsSample {
    var group = CgroupStats()
    var cpu = CgroupStats.CPU()
    cpu.usageNanoseconds = 5_000_000 + offset
    cpu.userNanoseconds = 3_000_000
    cpu.systemNanoseconds = 2_000_000
    if !version2 { cpu.perProcessorNanoseconds = [4_000_000, 1_000_000] }
    cpu.periods = 3
    cpu.throttledPeriods = 1
    cpu.throttledNanoseconds = 99
    group.cpu = cpu
    var memory = CgroupStats.Memory()
    memory.usageBytes = 8 << 20
    memory.limitBytes = 64 << 20
    memory.maxUsageBytes = 9 << 20
    memory.failCount = 2
    memory.statistics = version2 ? ["anon": 100, "inactive_file": 7] : ["cache": 50, "total_inactive_file": 7]
    group.memory = memory
    group.processes = CgroupStats.Processes()
    group.processes?.current = 2
    group.processes?.limit = 100
    group.ioServiceBytes = [
      CgroupStats.BlockIO(device: DeviceNumber(major: 8, minor: 0), operation: "Read", value: 4_096)
    ]
    return StatsSample(
      time: time + Int64(offset), cgroup: group,
      networks: [
        StatsSample.Network(
          name: "eth0", receivedBytes: 1, receivedPackets: 2, receiveErrors: 3, receiveDropped: 4, sentBytes: 5,
          sentPackets: 6, sendErrors: 7, sendDropped: 8)
      ], systemCPUNanoseconds: 1_000_000_000 + offset, onlineCPUs: 2, cgroupVersion2: version2)
  }
}
