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
  public var warnings: [String]
  public var forwarding: Bool
  public var eventListeners: Int
  public var openDescriptors: Int
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
