import ArgumentParser
import Glibc
import LinuxSystem
import Model

/// An address to listen on: `127.0.0.1:5443`, `[::1]:5443`, `name:5443`.
struct ListenAddress: ExpressibleByArgument, Sendable, Equatable {
  let host: String
  let port: Int

  init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  init?(argument: String) {
    guard let colon = argument.lastIndex(of: ":"), let port = Int(argument[argument.index(after: colon)...]),
      (0...65_535).contains(port)
    else { return nil }
    var host = String(argument[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    guard !host.isEmpty else { return nil }
    self.init(host: host, port: port)
  }

  /// An address that nobody outside of this machine reaches, written as a number.
  var isLoopback: Bool {
    if host == "::1" { return true }
    var address = in_addr()
    return inet_pton(AF_INET, host, &address) == 1 && UInt32(bigEndian: address.s_addr) >> 24 == 127
  }

  /// Does what listens here. What the host refuses is told with what to do about it.
  func explained<T>(_ listen: (ListenAddress) async throws -> T) async throws -> T {
    do { return try await listen(self) } catch let error as PlatformError {
      guard let advice = (error.cause as? SystemError).flatMap({ advice(for: $0.errno) }) else { throw error }
      throw PlatformError(error.code, "\(error.message); \(advice)", cause: error.cause)
    }
  }

  /// What to do where this address was refused with an error number; nil where the reason says it.
  func advice(for code: Int32) -> String? {
    switch code {
    case EACCES, EPERM:
      """
      ports below net.ipv4.ip_unprivileged_port_start (1024 unless changed) need a right that the server does not have: \
      listen on a higher one, such as 5443, and let the firewall redirect port \(port) to it, or allow it to every program \
      with 'sysctl net.ipv4.ip_unprivileged_port_start=\(port)' (docs/server.md shows both)
      """
    case EADDRINUSE: "another program listens there: 'ss -ltnp sport = :\(port)' names it"
    case EADDRNOTAVAIL: "this machine has no such address: 'ip address' lists those it has; 0.0.0.0 is all of IPv4"
    default: nil
    }
  }

  func shown(port: Int) -> String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

struct ServerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "server", abstract: "Run the server: registry, management and Kubernetes API over HTTPS (not root).",
    discussion: """
      Started as root it goes on as user '\(ServerProgram.user)' without any capability. This machine's administrators reach it \
      at RUN/server/admin.sock; everybody else signs in.
      """)

  @OptionGroup var options: DaemonOptions
  @OptionGroup var file: ConfigurationOption

  @Option(
    help: ArgumentHelp(
      "Address to serve HTTPS on, in place of those of server.yaml (127.0.0.1:5443); may be repeated.",
      valueName: "host:port"))
  var listen: [ListenAddress] = []

  @Option(
    help: ArgumentHelp(
      "Address of the loopback to serve unencrypted HTTP on, for measurements; may be repeated.",
      valueName: "host:port"))
  var listenPlain: [ListenAddress] = []

  @Option(
    help: ArgumentHelp(
      "Address to serve the Kubernetes API on, in place of those of server.yaml (127.0.0.1:6443); may be repeated.",
      valueName: "host:port"))
  var kubernetesListen: [ListenAddress] = []

  @Flag(help: "Do not serve the Kubernetes API.")
  var withoutKubernetes = false

  @Option(
    name: .customLong("name"),
    help: "A further name or address that the certificates are to hold for, in place of those of server.yaml.")
  var names: [String] = []

  func validate() throws {
    if withoutKubernetes, !kubernetesListen.isEmpty {
      throw ValidationError("--without-kubernetes and --kubernetes-listen cannot be used together")
    }
    for address in listenPlain where !address.isLoopback {
      throw ValidationError(
        "invalid --listen-plain '\(address.shown(port: address.port))': expected a number of 127.0.0.0/8 or ::1, as "
          + "passwords would cross the network readable")
    }
  }

  func run() async throws {
    var settings = try ServerSettings.load(path: file.path, owner: geteuid())
    if !listen.isEmpty { settings.listen = listen }
    if withoutKubernetes { settings.kubernetes = [] }
    if !kubernetesListen.isEmpty { settings.kubernetes = kubernetesListen }
    if !names.isEmpty { settings.names = names }
    try await ServerProgram(options: options, settings: settings, listenPlain: listenPlain).run()
  }
}

struct RotateStorageKeyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rotate-storage-key",
    abstract: "Seal the cluster's database, its secrets among it, with a new key; the server must be stopped.",
    discussion: """
      A new key is put into ROOT/server/cluster/storage.keys, every record is sealed with it, and the older keys are removed \
      from the file. Ended in the middle, it may be run again; the server can be started in between.
      """)

  @OptionGroup var options: DaemonOptions
  @OptionGroup var file: ConfigurationOption

  func run() async throws {
    let settings = try ServerSettings.load(path: file.path, owner: geteuid())
    try ServerProgram(options: options, settings: settings, listenPlain: []).rotateStorageKey()
  }
}
