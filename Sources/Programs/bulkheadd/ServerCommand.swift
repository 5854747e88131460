import ArgumentParser
import Glibc

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

  func shown(port: Int) -> String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

struct ServerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "server", abstract: "Run the server: registry and management over HTTPS (not root).",
    discussion: """
      Started as root it goes on as user '\(ServerProgram.user)' without any capability. This machine's administrators reach it \
      at RUN/server/admin.sock; everybody else signs in.
      """)

  @OptionGroup var options: DaemonOptions

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
    name: .customLong("name"),
    help: "A further name or address that the certificate is to hold for, in place of those of server.yaml.")
  var names: [String] = []

  func validate() throws {
    for address in listenPlain where !address.isLoopback {
      throw ValidationError(
        "invalid --listen-plain '\(address.shown(port: address.port))': expected a number of 127.0.0.0/8 or ::1, as "
          + "passwords would cross the network readable")
    }
  }

  func run() async throws {
    var settings = try ServerSettings.load(path: options.config, owner: geteuid())
    if !listen.isEmpty { settings.listen = listen }
    if !names.isEmpty { settings.names = names }
    try await ServerProgram(options: options, settings: settings, listenPlain: listenPlain).run()
  }
}
