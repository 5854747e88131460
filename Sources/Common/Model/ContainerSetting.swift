/// A setting of a container as an error names it, so that whoever wrote the settings down is led to the place.
///
/// The names are the domain's; each API has its own.
public enum ContainerSetting: String, Sendable, CaseIterable {
  case annotations, anonymousVolumes, capabilitiesAdded, capabilitiesDropped, cgroupMode, cgroupParent, command
  case cpuPeriod, cpuQuota, cpuRealtime, cpuShares, cpusetCPUs, cpusetMemoryNodes, cpus
  case blockDevices, blockWeight, deviceCgroupRules, devices, dnsOptions, dnsSearch, dnsServers, domainName, environment
  case exposedPorts, extraHosts, groups, healthcheck, hostname, image, initProgram, ipcMode, kernelMemory, labels, links
  case log, memory, memoryReservation, memorySwap, memorySwappiness, mounts, name, networkMode, networks, oomScore
  case pidMode, pidsLimit, platform, privileged, publishedPorts, resourceLimits, restart, runtime, securityOptions
  case sharedMemory, stopSignal, stopTimeout, storageOptions, sysctls, systemPaths, tmpfs, user, userMode, utsMode
  case volumeDriver, volumesFrom, workingDirectory

  /// Runs a check of this setting: what it throws is about it, unless it says already what it is about.
  /// - Parameter element: which one of a list or mapping: a capability, a path inside, `80/tcp`.
  public func blamed<Value>(_ element: String? = nil, _ check: () throws -> Value) throws -> Value {
    do {
      return try check()
    } catch let error as PlatformError {
      throw error.about(self, element)
    }
  }
}

extension PlatformError {
  /// What of a request an error is about.
  public enum Subject: Sendable, Hashable {
    /// A setting, and the element of it where it is a list or mapping.
    case setting(ContainerSetting, element: String?)
    /// A member of the request's body, under the name that the API has for it: `HostConfig.Memory`.
    case member(String)
  }

  /// The same error about a setting; one that is about something already stays.
  public func about(_ setting: ContainerSetting, _ element: String? = nil) -> PlatformError {
    subject == nil ? replacing(subject: .setting(setting, element: element)) : self
  }
}
