import LinuxSystem
import Model

/// What `docker info` and `bulkhead system info` tell.
public struct EngineInfo: Sendable {
  public var engineID: String
  public var name: String
  public var version: String
  public var kernelVersion: String
  public var operatingSystem: String
  public var osVersion: String
  public var architecture: String
  public var processors: Int
  public var memoryBytes: Int64
  public var containers: Int
  public var running: Int
  public var paused: Int
  public var stopped: Int
  public var images: Int
  public var rootDirectory: String
  public var cgroupMode: CgroupMode
  public var runtimes: [String: String]
  public var defaultRuntime: String
  public var logDrivers: [String]
  public var networkDrivers: [String]
  public var securityOptions: [String]
  public var limits: Limits
  public var defaultLogDriver: String
  public var warnings: [String]
  public var forwarding: Bool
  public var eventListeners: Int
  public var openDescriptors: Int

  /// Which limits this host can set.
  public struct Limits: Sendable, Equatable {
    public var memory: Bool
    public var swap: Bool
    public var processor: Bool
    public var processorSet: Bool
    public var processes: Bool
    public var blockDevices: Bool
    public var blockWeights: Bool
    /// The kernel's killing of processes for memory can be turned off.
    public var killSwitch: Bool

    /// docker's words for what is missing.
    var warnings: [String] {
      let checks: [(Bool, String)] = [
        (memory, "No memory limit support"), (swap, "No swap limit support"), (processor, "No cpu cfs quota support"),
        (processor, "No cpu shares support"), (processorSet, "No cpuset support"), (processes, "No pids limit support"),
        (blockDevices, "No blkio throttle support"), (blockWeights, "No blkio weight support"),
      ]
      return checks.filter { !$0.0 }.map { "WARNING: \($0.1)" }
    }
  }
}

/// What `docker system df` tells.
public struct DiskUsage: Sendable {
  public struct Container: Sendable {
    public var view: ContainerView
    public var writableBytes: Int64
    public var rootBytes: Int64
  }
  public var layersBytes: Int64
  public var containers: [Container]
  public var volumes: [VolumeView]
}
