import FoundationEssentials
import HTTPServing
import KubeMachinery
import KubeResources

/// ConfigMaps and secrets that a pod names, as they were read: nil where the server has none of that name.
struct PodObjects: Sendable, Equatable {
  var configMaps: [String: JSONValue?] = [:]
  var secrets: [String: JSONValue?] = [:]

  /// Of all that a pod's volumes show, and of what a container's variables are from.
  static let maxBytes = 64 << 20

  /// Of an object's keys and values, as the server sends them.
  static func sizeBytes(_ object: JSONValue?) -> Int {
    ["data", "binaryData"].reduce(0) { sum, field in
      (object?[field]?.members ?? []).reduce(sum) { $0 + $1.name.utf8.count + ($1.value.text?.utf8.count ?? 0) }
    }
  }

  /// A value of a ConfigMap; text or decoded from base64. `missing`: the object itself is not there.
  func configValue(_ name: String, _ key: String) -> Lookup {
    guard let map = configMaps[name] ?? nil else { return .noObject }
    if let text = map.at("data", key)?.text { return .found(Array(text.utf8)) }
    return Self.decoded(map.at("binaryData", key))
  }

  func secretValue(_ name: String, _ key: String) -> Lookup {
    guard let secret = secrets[name] ?? nil else { return .noObject }
    return Self.decoded(secret.at("data", key))
  }

  enum Lookup: Equatable {
    case found([UInt8])
    case noKey, noObject
  }

  private static func decoded(_ value: JSONValue?) -> Lookup {
    guard let text = value?.text else { return .noKey }
    guard let data = Data(base64Encoded: text) else { return .noKey }
    return .found(Array(data))
  }

  /// All keys of an object with their values, sorted; nil where it is not there.
  func all(configMap name: String) -> [(key: String, value: [UInt8])]? {
    guard let map = configMaps[name] ?? nil else { return nil }
    let texts = (map["data"]?.texts ?? [:]).map { (key: $0.key, value: Array($0.value.utf8)) }
    let rest = (map["binaryData"]?.texts ?? [:]).compactMap { item in
      Data(base64Encoded: item.value).map { (key: item.key, value: Array($0)) }
    }
    return (texts + rest).sorted { $0.key < $1.key }
  }

  func all(secret name: String) -> [(key: String, value: [UInt8])]? {
    guard let secret = secrets[name] ?? nil else { return nil }
    return (secret["data"]?.texts ?? [:]).compactMap { item in
      Data(base64Encoded: item.value).map { (key: item.key, value: Array($0)) }
    }.sorted { $0.key < $1.key }
  }
}

/// The variables of one container. Source: Kubernetes `kubelet.makeEnvironmentVariables`.
struct ContainerEnvironment {
  /// Why a container cannot be made; users read it at the pod.
  struct Failure: Error, Equatable {
    let message: String
  }

  let pod: PodDocument
  let container: ContainerDocument
  let fields: FieldReference
  let objects: PodObjects
  /// Documents of the services that the pod is told of: those of its namespace, and `default/kubernetes`.
  let services: [JSONValue]

  /// In the order in which they are told, each name once. Throws `Failure`.
  func variables() throws -> [EnvironmentVariable] {
    var result: [String: String] = [:]
    var order: [String] = []
    func set(_ name: String, _ value: String) {
      if result[name] == nil { order.append(name) }
      result[name] = value
    }
    for source in container.document.listAt("envFrom") { for item in try all(source) { set(item.name, item.value) } }
    let told = serviceVariables()
    var known = told
    for name in result.keys { known[name] = result[name] }
    for item in container.document.listAt("env") {
      let name = item.textAt("name")
      let value: String?
      if let source = item["valueFrom"] {
        value = try self.value(source)
      } else {
        value = VariableExpansion.expand(item.textAt("value")) { known[$0] }
      }
      guard let value else { continue }
      known[name] = value
      set(name, value)
    }
    // What services tell is for those that say nothing else.
    for name in told.keys.sorted() where result[name] == nil { set(name, told[name] ?? "") }
    return order.map { EnvironmentVariable($0, result[$0] ?? "") }
  }

  private func all(_ source: JSONValue) throws -> [EnvironmentVariable] {
    let prefix = source.textAt("prefix")
    let items: [(key: String, value: [UInt8])]?
    let what: String
    let isOptional: Bool
    if let reference = source["configMapRef"] {
      items = objects.all(configMap: reference.textAt("name"))
      what = "configmap \"\(reference.textAt("name"))\""
      isOptional = reference.flagAt("optional")
    } else if let reference = source["secretRef"] {
      items = objects.all(secret: reference.textAt("name"))
      what = "secret \"\(reference.textAt("name"))\""
      isOptional = reference.flagAt("optional")
    } else {
      return []
    }
    guard let items else {
      if isOptional { return [] }
      throw Failure(message: "\(what) not found")
    }
    return items.compactMap { item in
      let name = prefix + item.key
      return Self.isName(name) ? EnvironmentVariable(name, String(decoding: item.value, as: UTF8.self)) : nil
    }
  }

  /// What programs can have as a name: no `=`, no control characters.
  private static func isName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { $0 > 32 && $0 < 127 && $0 != UInt8(ascii: "=") }
  }

  private func value(_ source: JSONValue) throws -> String? {
    if let reference = source["fieldRef"] {
      let path = reference.textAt("fieldPath")
      guard let value = fields.value(path) else {
        throw Failure(message: "unsupported fieldPath: \(path)")
      }
      return value
    }
    if let reference = source["resourceFieldRef"] {
      guard let value = fields.amount(reference, of: container) else {
        throw Failure(message: "unsupported container resource : \(reference.textAt("resource"))")
      }
      return value
    }
    if let reference = source["configMapKeyRef"] {
      return try keyed(reference, "configmap", "ConfigMap") { objects.configValue($0, $1) }
    }
    if let reference = source["secretKeyRef"] {
      return try keyed(reference, "secret", "Secret") { objects.secretValue($0, $1) }
    }
    return nil
  }

  private func keyed(
    _ reference: JSONValue, _ resource: String, _ kind: String, _ find: (String, String) -> PodObjects.Lookup
  ) throws -> String? {
    let (name, key) = (reference.textAt("name"), reference.textAt("key"))
    switch find(name, key) {
    case .found(let bytes): return String(decoding: bytes, as: UTF8.self)
    case .noObject where reference.flagAt("optional"), .noKey where reference.flagAt("optional"): return nil
    case .noObject: throw Failure(message: "\(resource) \"\(name)\" not found")
    case .noKey:
      throw Failure(message: "couldn't find key \(key) in \(kind) \(pod.identity.namespace)/\(name)")
    }
  }

  // MARK: services

  /// Source: Kubernetes *Service*, environment variables.
  private func serviceVariables() -> [String: String] {
    var variables: [String: String] = [:]
    let hasLinks = pod.spec.at("enableServiceLinks")?.flag ?? true
    for service in services {
      let meta = service.meta
      let address = service.textAt("spec", "clusterIP")
      let isMaster = meta.name == "kubernetes" && meta.namespace == "default"
      guard !address.isEmpty, address != "None",
        isMaster || hasLinks && meta.namespace == pod.identity.namespace
      else { continue }
      let ports = service.listAt("spec", "ports")
      guard let first = ports.first else { continue }
      let prefix = Self.variableName(meta.name)
      variables["\(prefix)_SERVICE_HOST"] = address
      variables["\(prefix)_SERVICE_PORT"] = String(first.numberAt("port"))
      for port in ports where !port.textAt("name").isEmpty {
        variables["\(prefix)_SERVICE_PORT_\(Self.variableName(port.textAt("name")))"] = String(port.numberAt("port"))
      }
      for (place, port) in ports.enumerated() {
        let proto = port.textAt("protocol").isEmpty ? "TCP" : port.textAt("protocol")
        let number = port.numberAt("port")
        let link = "\(proto.lowercased())://\(Self.bracketed(address)):\(number)"
        if place == 0 { variables["\(prefix)_PORT"] = link }
        let name = "\(prefix)_PORT_\(number)_\(proto)"
        variables[name] = link
        variables["\(name)_PROTO"] = proto.lowercased()
        variables["\(name)_PORT"] = String(number)
        variables["\(name)_ADDR"] = address
      }
    }
    return variables
  }

  private static func bracketed(_ address: String) -> String { address.contains(":") ? "[\(address)]" : address }

  private static func variableName(_ name: String) -> String {
    String(name.uppercased().map { $0 == "-" ? "_" : $0 })
  }
}
