/// What a container, network or volume is made by, as a short text that changes when it does.
enum ConfigHash {
  /// Keys of a service that change nothing about its containers.
  private static let withoutEffect: Set<String> = [
    "attach", "build", "depends_on", "develop", "env_file", "profiles", "pull_policy", "scale", "x-bulkhead",
  ]

  static func document(_ service: ComposeService, of project: ComposeProject) -> ComposeValue {
    var members = service.canonical.members.filter { !withoutEffect.contains($0.key) }
    if case .map(var deploy)? = members["deploy"] {
      for name in ["replicas", "update_config", "rollback_config", "placement", "endpoint_mode", "labels", "mode"] {
        deploy[name] = nil
      }
      members["deploy"] = deploy.isEmpty ? nil : .map(deploy)
    }
    // The keys of the files stand for things outside the service, which may be others now.
    let networks = service.endpoints.compactMap { project.network($0.network)?.name }
    let volumes = service.mounts.filter { $0.kind == .volume }.compactMap { $0.source.flatMap(project.volume)?.name }
    let files =
      service.configs.compactMap { project.config($0.source) }
      + service.secrets.compactMap { project.secret($0.source) }
    return .map([
      "service": .map(members), "networks": .list(networks.map { .string($0) }),
      "volumes": .list(volumes.map { .string($0) }), "files": .list(files.map(content)),
    ])
  }

  private static func content(_ file: ComposeFile) -> ComposeValue {
    switch file.origin {
    case .file(let path): .string("file:\(path) \(file.contentHash ?? "")")
    case .environment(let name, let value): .string("environment:\(name)=\(value)")
    case .content(let text): .string("content:" + text)
    case .external: .string("external:" + file.name)
    }
  }
}

extension ComposeProject {
  /// The value of `ComposeLabel.configHash` for a service's containers.
  /// - Parameter sha256: in hexadecimal digits.
  public func configHash(_ service: ComposeService, sha256: ([UInt8]) -> String) -> String {
    sha256(Array(ConfigHash.document(service, of: self).json(indent: nil).utf8))
  }

  /// The value of `ComposeLabel.configHash` for a network; nil where there is none of that key.
  public func configHash(network key: String, sha256: ([UInt8]) -> String) -> String? {
    canonical["networks"]?[key].map { sha256(Array($0.json(indent: nil).utf8)) }
  }

  public func configHash(volume key: String, sha256: ([UInt8]) -> String) -> String? {
    canonical["volumes"]?[key].map { sha256(Array($0.json(indent: nil).utf8)) }
  }

  /// The usual name of a service's container.
  public func containerName(_ service: ComposeService, number: Int) -> String {
    service.containerName ?? "\(name)-\(service.name)-\(number)"
  }
}

extension ComposeService {
  /// Whether a new container can run beside the one that it replaces, and should: where the file says so, or says nothing and
  /// several containers or the load balancer would otherwise lose requests.
  public func replacesByStartingFirst(replicas: Int) -> Bool {
    switch deploy.update.order {
    case .stopFirst: false
    case .startFirst: !holdsWhatOneAloneCanHave
    case nil: !holdsWhatOneAloneCanHave && (replicas > 1 || balancer != nil)
    }
  }

  /// A port of the host, an address, the host's network.
  var holdsWhatOneAloneCanHave: Bool {
    let hasPort = ports.contains { $0.published.map { $0.count <= replicas } ?? false }
    let hasAddress =
      macAddress != nil
      || endpoints.contains {
        $0.ipv4Address != nil || $0.ipv6Address != nil || $0.macAddress != nil
      }
    switch networkMode {
    case .host, .container, .service: return true
    default: return hasPort || hasAddress
    }
  }
}
