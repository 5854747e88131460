import Compose

/// Leads from what the engine says against a request to the place in the compose file that the request was made of.
enum RefusedPlaces {
  /// Members of `POST /containers/create` (`ServiceBody` writes them) and the keys of a service that they come of.
  private static let keys: [String: [String]] = [
    "Cmd": ["command", "entrypoint"], "Domainname": ["domainname"], "Entrypoint": ["entrypoint"],
    "Env": ["environment"], "ExposedPorts": ["expose", "ports"], "Healthcheck": ["healthcheck"],
    "Hostname": ["hostname"], "Image": ["image", "build"], "Labels": ["labels", "ports"], "StopSignal": ["stop_signal"],
    "StopTimeout": ["stop_grace_period"], "User": ["user", "group_add"], "WorkingDir": ["working_dir"],
    "name": ["container_name"], "platform": ["platform"],
    "NetworkingConfig": ["networks", "mac_address", "links"],
    "HostConfig.Annotations": ["annotations"], "HostConfig.BlkioDeviceReadBps": ["blkio_config.device_read_bps"],
    "HostConfig.BlkioDeviceReadIOps": ["blkio_config.device_read_iops"],
    "HostConfig.BlkioDeviceWriteBps": ["blkio_config.device_write_bps"],
    "HostConfig.BlkioDeviceWriteIOps": ["blkio_config.device_write_iops"],
    "HostConfig.BlkioWeight": ["blkio_config.weight"],
    "HostConfig.BlkioWeightDevice": [
      "blkio_config.weight_device", "blkio_config.device_read_bps", "blkio_config.device_write_bps",
      "blkio_config.device_read_iops", "blkio_config.device_write_iops",
    ],
    "HostConfig.CapAdd": ["cap_add"], "HostConfig.CapDrop": ["cap_drop"], "HostConfig.CgroupParent": ["cgroup_parent"],
    "HostConfig.CgroupnsMode": ["cgroup"], "HostConfig.CpuPeriod": ["cpu_period"], "HostConfig.CpuQuota": ["cpu_quota"],
    "HostConfig.CpuRealtimePeriod": ["cpu_rt_period"],
    "HostConfig.CpuRealtimeRuntime": ["cpu_rt_runtime", "cpu_rt_period"], "HostConfig.CpuShares": ["cpu_shares"],
    "HostConfig.CpusetCpus": ["cpuset"], "HostConfig.DeviceCgroupRules": ["device_cgroup_rules"],
    "HostConfig.Devices": ["devices"], "HostConfig.Dns": ["dns"], "HostConfig.DnsOptions": ["dns_opt"],
    "HostConfig.DnsSearch": ["dns_search"], "HostConfig.ExtraHosts": ["extra_hosts"],
    "HostConfig.GroupAdd": ["group_add"], "HostConfig.Init": ["init"], "HostConfig.IpcMode": ["ipc"],
    "HostConfig.Links": ["links", "external_links"], "HostConfig.LogConfig": ["logging"],
    "HostConfig.MaskedPaths": ["security_opt"], "HostConfig.Memory": ["mem_limit", "deploy.resources.limits.memory"],
    "HostConfig.MemoryReservation": ["mem_reservation", "deploy.resources.reservations.memory"],
    "HostConfig.MemorySwap": ["memswap_limit"], "HostConfig.MemorySwappiness": ["mem_swappiness"],
    "HostConfig.Mounts": ["volumes", "configs", "secrets"],
    "HostConfig.NanoCpus": ["cpus", "deploy.resources.limits.cpus"],
    "HostConfig.NetworkMode": ["network_mode", "networks"], "HostConfig.OomKillDisable": ["oom_kill_disable"],
    "HostConfig.OomScoreAdj": ["oom_score_adj"], "HostConfig.PidMode": ["pid"],
    "HostConfig.PidsLimit": ["pids_limit", "deploy.resources.limits.pids"], "HostConfig.PortBindings": ["ports"],
    "HostConfig.Privileged": ["privileged"], "HostConfig.ReadonlyRootfs": ["read_only"],
    "HostConfig.RestartPolicy": ["restart", "deploy.restart_policy"], "HostConfig.Runtime": ["runtime"],
    "HostConfig.SecurityOpt": ["security_opt"], "HostConfig.ShmSize": ["shm_size"],
    "HostConfig.StorageOpt": ["storage_opt"], "HostConfig.Sysctls": ["sysctls"], "HostConfig.Tmpfs": ["tmpfs"],
    "HostConfig.UTSMode": ["uts"], "HostConfig.Ulimits": ["ulimits"], "HostConfig.UsernsMode": ["userns_mode"],
    "HostConfig.VolumesFrom": ["volumes_from"],
  ]

  /// Members of `POST /networks/create` and `/volumes/create`.
  private static let resourceKeys: [String: [String]] = [
    "Attachable": ["attachable"], "Driver": ["driver"], "DriverOpts": ["driver_opts"], "EnableIPv6": ["enable_ipv6"],
    "IPAM.Config": ["ipam.config"], "IPAM.Driver": ["ipam.driver"], "IPAM.Options": ["ipam.options"],
    "Internal": ["internal"], "Labels": ["labels"], "Name": ["name"], "Options": ["driver_opts"],
  ]

  /// Whether the request was understood and is at fault, and not the engine or the moment.
  private static func isRefusal(_ status: Int?) -> Bool {
    guard let status else { return false }
    return (400..<500).contains(status) && status != 401 && status != 408 && status != 499 || status == 501
  }

  /// A failure about a service, with the service's place in the file where the engine refused something it says.
  static func told(_ error: ClientError, of service: ComposeService, in project: ComposeProject) -> ClientError {
    guard isRefusal(error.status) || error.field != nil else { return error }
    var element = error.element
    var names = Self.names(error.field, keys)
    if error.field?.hasPrefix("NetworkingConfig") == true {
      // The files have keys for what the engine knows by names.
      element = service.endpoints.first { project.network($0.network)?.name == element }?.network
    }
    if error.field == "Labels", let label = element, !service.labels.keys.contains(label) {
      element = service.ports.first { $0.limitLabels.keys.contains(label) }.map {
        "\($0.target)/\($0.transport.rawValue)"
      }
      names = ["ports"]
    }
    let fault = project.fault(of: ["services", service.name], keys: names, element: element, error.message)
    return error.saying(fault.description)
  }

  /// A failure about an entry of the top-level networks or volumes.
  static func told(_ error: ClientError, of section: String, _ key: String, in project: ComposeProject) -> ClientError {
    guard isRefusal(error.status) || error.field != nil else { return error }
    let names = Self.names(error.field, resourceKeys)
    return error.saying(
      project.fault(of: [section, key], keys: names, element: error.element, error.message).description)
  }

  /// The keys of a member or of the nearest that it lies in: `HostConfig.Ulimits[0].Soft` is of `HostConfig.Ulimits`.
  private static func names(_ field: String?, _ table: [String: [String]]) -> [String] {
    var rest = (field ?? "")[...]
    while !rest.isEmpty {
      if let names = table[String(rest)] { return names }
      guard let end = rest.lastIndex(where: { $0 == "." || $0 == "[" }) else { break }
      rest = rest[..<end]
    }
    return []
  }
}
