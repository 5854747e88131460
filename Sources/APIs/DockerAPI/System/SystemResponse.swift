import ContainerEngine
import LinuxSystem

/// `GET /version` and `GET /info`.
enum SystemResponse {
  static func version(_ info: EngineInfo, product: String) -> [UInt8] {
    let architecture = Platform.goName(of: info.architecture)
    return JSONWriter.object { writer in
      writer.object("Platform") { $0.field("Name", "Bulkhead Engine") }
      let engine = (name: "Engine", version: product)
      writer.list("Components", [engine]) { writer, component in
        writer.object { writer in
          writer.field("Name", component.name)
          writer.field("Version", component.version)
          writer.object("Details") { writer in
            writer.field("ApiVersion", APIVersion.current.description)
            writer.field("Arch", architecture)
            writer.field("BuildTime", "")
            writer.field("Experimental", "false")
            writer.field("GitCommit", "")
            writer.field("GoVersion", "none (Swift)")
            writer.field("KernelVersion", info.kernelVersion)
            writer.field("MinAPIVersion", APIVersion.minimum.description)
            writer.field("Os", "linux")
          }
        }
      }
      writer.field("Version", product)
      writer.field("ApiVersion", APIVersion.current.description)
      writer.field("MinAPIVersion", APIVersion.minimum.description)
      writer.field("GitCommit", "")
      writer.field("GoVersion", "none (Swift)")
      writer.field("Os", "linux")
      writer.field("Arch", architecture)
      writer.field("KernelVersion", info.kernelVersion)
    }
  }

  static func info(_ info: EngineInfo, now: Int64) -> [UInt8] {
    JSONWriter.object(capacity: 4_096) { writer in
      counts(info, into: &writer)
      writer.list("DriverStatus", [["Backing Filesystem", "overlay with id-mapped layers"]]) { writer, pair in
        writer.list(pair) { $0.value($1) }
      }
      writer.object("Plugins") { writer in
        writer.field("Volume", ["local"])
        writer.field("Network", info.networkDrivers)
        writer.null("Authorization")
        writer.field("Log", info.logDrivers)
      }
      limits(info, into: &writer)
      writer.field("IPv4Forwarding", info.forwarding)
      writer.field("Debug", false)
      writer.field("NFd", info.openDescriptors)
      writer.field("NGoroutines", 0)
      writer.field("SystemTime", Timestamps.rfc3339(now))
      writer.field("LoggingDriver", info.defaultLogDriver)
      writer.field("CgroupDriver", "cgroupfs")
      writer.field("CgroupVersion", info.cgroupMode == .v2 ? "2" : "1")
      writer.field("NEventsListener", info.eventListeners)
      host(info, into: &writer)
      runtimes(info, into: &writer)
      writer.field("SecurityOptions", info.securityOptions)
      writer.null("CDISpecDirs")
      writer.field("Warnings", info.warnings.isEmpty ? nil : info.warnings)
    }
  }

  private static func limits(_ info: EngineInfo, into writer: inout JSONWriter) {
    let limits = info.limits
    writer.field("MemoryLimit", limits.memory)
    writer.field("SwapLimit", limits.swap)
    for name in ["CpuCfsPeriod", "CpuCfsQuota", "CPUShares"] { writer.field(name, limits.processor) }
    writer.field("CPUSet", limits.processorSet)
    writer.field("PidsLimit", limits.processes)
    writer.field("OomKillDisable", limits.killSwitch)
  }

  private static func counts(_ info: EngineInfo, into writer: inout JSONWriter) {
    writer.field("ID", info.engineID)
    writer.field("Containers", info.containers)
    writer.field("ContainersRunning", info.running)
    writer.field("ContainersPaused", info.paused)
    writer.field("ContainersStopped", info.stopped)
    writer.field("Images", info.images)
    writer.field("Driver", "overlay2")
  }

  private static func host(_ info: EngineInfo, into writer: inout JSONWriter) {
    writer.field("KernelVersion", info.kernelVersion)
    writer.field("OperatingSystem", info.operatingSystem)
    writer.field("OSVersion", info.osVersion)
    writer.field("OSType", "linux")
    writer.field("Architecture", info.architecture)
    writer.field("IndexServerAddress", "https://index.docker.io/v1/")
    writer.null("RegistryConfig")
    writer.field("NCPU", info.processors)
    writer.field("MemTotal", info.memoryBytes)
    writer.null("GenericResources")
    writer.field("DockerRootDir", info.rootDirectory)
    for name in ["HttpProxy", "HttpsProxy", "NoProxy"] { writer.field(name, "") }
    writer.field("Name", info.name)
    writer.field("Labels", [String]())
    writer.field("ExperimentalBuild", false)
    writer.field("ServerVersion", info.version)
  }

  private static func runtimes(_ info: EngineInfo, into writer: inout JSONWriter) {
    writer.object("Runtimes") { writer in
      for (name, path) in info.runtimes.sorted(by: { $0.key < $1.key }) {
        writer.object(name) { $0.field("path", path) }
      }
    }
    writer.field("DefaultRuntime", info.defaultRuntime)
    writer.object("Swarm") { writer in
      writer.field("NodeID", "")
      writer.field("NodeAddr", "")
      writer.field("LocalNodeState", "inactive")
      writer.field("ControlAvailable", false)
      writer.field("Error", "")
      writer.null("RemoteManagers")
    }
    // Containers always outlive the engine.
    writer.field("LiveRestoreEnabled", true)
    writer.field("Isolation", "")
    writer.field("InitBinary", "")
    for name in ["ContainerdCommit", "RuncCommit", "InitCommit"] { writer.object(name) { $0.field("ID", "") } }
  }
}
