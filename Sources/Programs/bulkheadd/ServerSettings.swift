import ConfigurationFiles
import HTTPServing
import KubeResources
import Registry

/// How the server is run: the contents of `/etc/bulkhead/server.yaml`. The command line's options win.
///
/// The value made by `ServerSettings()` is that of a host without the file.
struct ServerSettings: Sendable, Equatable {
  static let file = ConfigurationFile(title: "configuration", standardPath: "/etc/bulkhead/server.yaml")
  private static let maximumAddresses = 16
  private static let maximumNames = 100

  /// Where HTTPS is served.
  var listen = [ListenAddress(host: "127.0.0.1", port: 5443)]
  /// Where the Kubernetes API is served; empty: nowhere.
  var kubernetes = [ListenAddress(host: "127.0.0.1", port: 6443)]
  /// What services of type LoadBalancer get their addresses from.
  var balancerPool = AddressRanges()
  /// What services may have in `externalIPs`.
  var externalAddresses = AddressRanges()
  /// Further names and addresses that the certificates hold for.
  var names: [String] = []
  /// Folders of the whole platform; nil where the file does not say.
  var root: String?
  var run: String?
  var limits = Limits()

  struct Limits: Sendable, Equatable {
    /// Connections open at once, in all and from one address.
    var connections = HTTPServerConfiguration().maxConnections
    var connectionsPerAddress = HTTPServerConfiguration().maxConnectionsPerAddress
    /// Largest blob.
    var blobBytes = RegistryConfiguration().maximumBlobBytes
    /// Unfinished uploads, in all and in one project, and how long one is kept that nobody goes on with.
    var uploads = RegistryConfiguration().maximumUploads
    var uploadsPerProject = RegistryConfiguration().maximumProjectUploads
    var uploadExpirySeconds = RegistryConfiguration().uploadExpirySeconds
    /// How long garbage collection keeps what a client was told to be there.
    var garbageGraceSeconds = RegistryConfiguration().graceSeconds
  }

  init() {}

  /// Reads the file; without one at the standard path, the defaults hold. Errors: `ConfigurationFile.read`. Blocks.
  static func load(path: String?, owner: UInt32) throws -> ServerSettings {
    try file.read(path: path, owner: owner).map(ServerSettings.init(reading:)) ?? ServerSettings()
  }

  /// Throws `invalidArgument` naming file, line, key and value for anything that is not understood.
  init(reading reader: ConfigurationReader) throws {
    self.init()
    try reader.allow(["listen", "names", "root", "run", "kubernetes", "limits"])
    if let addresses = try Self.addresses(reader, port: 5443, atLeast: 1) { listen = addresses }
    if let section = try reader.section("kubernetes") {
      try section.allow(["listen", "loadBalancerAddresses", "externalAddresses"])
      if let addresses = try Self.addresses(section, port: 6443, atLeast: 0) { kubernetes = addresses }
      balancerPool = try Self.ranges("loadBalancerAddresses", section)
      externalAddresses = try Self.ranges("externalAddresses", section)
    }
    if let given = try reader.list(
      "names", expected: "a host's name or address without port", { Self.isName($0) ? $0 : nil })
    {
      guard given.count <= Self.maximumNames else {
        throw reader.fail("names", "must have at most \(Self.maximumNames) entries, not \(given.count)")
      }
      names = given
    }
    root = try Self.folder("root", reader)
    run = try Self.folder("run", reader)
    if let section = try reader.section("limits") { try limits.read(section) }
  }

  private static func addresses(
    _ reader: ConfigurationReader, port: Int, atLeast minimum: Int
  ) throws -> [ListenAddress]? {
    guard
      let addresses = try reader.list(
        "listen", expected: "HOST:PORT, as 0.0.0.0:\(port) or '[::]:\(port)'", { ListenAddress(argument: $0) })
    else { return nil }
    guard (minimum...maximumAddresses).contains(addresses.count) else {
      throw reader.fail("listen", "must have \(minimum) to \(maximumAddresses) entries, not \(addresses.count)")
    }
    return addresses
  }

  private static func ranges(_ key: String, _ reader: ConfigurationReader) throws -> AddressRanges {
    let texts = try reader.list(
      key, expected: "an IPv4 address, FIRST-LAST or a subnet", { AddressRanges([$0]) == nil ? nil : $0 })
    return AddressRanges(texts ?? []) ?? AddressRanges()
  }

  private static func isName(_ text: String) -> Bool {
    (1...253).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte)
          || [UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: ":"), UInt8(ascii: "*")].contains(byte)
      }
  }

  private static func folder(_ key: String, _ reader: ConfigurationReader) throws -> String? {
    guard let path = try reader.text(key) else { return nil }
    guard path.hasPrefix("/"), !path.split(separator: "/").contains("..") else {
      throw reader.fail(key, "must be an absolute path, not '\(path.prefix(100))'")
    }
    return path
  }
}

extension ServerSettings.Limits {
  fileprivate mutating func read(_ section: ConfigurationReader) throws {
    try section.allow([
      "connections", "connectionsPerAddress", "blobBytes", "uploads", "uploadsPerProject", "uploadExpirySeconds",
      "garbageGraceSeconds",
    ])
    // The unit allows 65,536 descriptors, and a connection may hold a file besides itself.
    connections = try section.integer("connections", in: 16...30_000).map(Int.init) ?? connections
    connectionsPerAddress =
      try section.integer("connectionsPerAddress", in: 1...30_000).map(Int.init) ?? connectionsPerAddress
    blobBytes = try section.integer("blobBytes", in: 1 << 20...1 << 50) ?? blobBytes
    uploads = try section.integer("uploads", in: 1...100_000).map(Int.init) ?? uploads
    uploadsPerProject = try section.integer("uploadsPerProject", in: 1...100_000).map(Int.init) ?? uploadsPerProject
    uploadExpirySeconds = try section.integer("uploadExpirySeconds", in: 60...30 * 86_400) ?? uploadExpirySeconds
    garbageGraceSeconds = try section.integer("garbageGraceSeconds", in: 0...30 * 86_400) ?? garbageGraceSeconds
  }

  var registry: RegistryConfiguration {
    var configuration = RegistryConfiguration()
    configuration.maximumBlobBytes = blobBytes
    configuration.maximumUploads = uploads
    configuration.maximumProjectUploads = uploadsPerProject
    configuration.uploadExpirySeconds = uploadExpirySeconds
    configuration.graceSeconds = garbageGraceSeconds
    return configuration
  }

  var http: HTTPServerConfiguration {
    var configuration = HTTPServerConfiguration()
    configuration.maxConnections = connections
    configuration.maxConnectionsPerAddress = connectionsPerAddress
    return configuration
  }
}
