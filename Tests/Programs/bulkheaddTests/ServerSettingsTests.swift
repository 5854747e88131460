import ConfigurationFiles
import FoundationEssentials
import HTTPServing
import KubeResources
import Model
import Registry
import Testing

@testable import bulkheadd

@Suite struct ServerSettingsTests {
  private func read(_ text: String) throws -> ServerSettings {
    try ServerSettings(reading: ConfigurationReader(Array(text.utf8), name: "s.yaml"))
  }

  @Test(arguments: ["", "# nothing\n", "limits: {}\n"])
  func `what the file does not say stays as without it`(text: String) throws {
    #expect(try read(text) == ServerSettings())
  }

  @Test func `the sample that is installed shows the defaults`() throws {
    let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../packaging/server.yaml")
    let sample = try read(String(contentsOf: path.standardizedFileURL, encoding: .utf8))
    var expected = ServerSettings()
    expected.root = DaemonOptions.standardRoot
    expected.run = DaemonOptions.standardRun
    #expect(sample == expected)
  }

  @Test func `every key is taken`() throws {
    let settings = try read(
      """
      listen:
        - 0.0.0.0:443
        - '[::1]:0'
      kubernetes:
        listen: [0.0.0.0:6443]
        loadBalancerAddresses: [192.0.2.1-192.0.2.9, 198.51.100.0/28]
        externalAddresses: [203.0.113.7]
      names: [registry.example.com, 192.0.2.7]
      root: /data/bulkhead
      run: /run/other
      limits:
        connections: 2000
        connectionsPerAddress: 5
        blobBytes: 1048576
        uploads: 7
        uploadsPerProject: 3
        uploadExpirySeconds: 60
        garbageGraceSeconds: 0
      """)
    #expect(settings.listen == [ListenAddress(host: "0.0.0.0", port: 443), ListenAddress(host: "::1", port: 0)])
    #expect(settings.kubernetes == [ListenAddress(host: "0.0.0.0", port: 6443)])
    #expect(settings.balancerPool == AddressRanges(["192.0.2.1-192.0.2.9", "198.51.100.0/28"]))
    #expect(settings.externalAddresses == AddressRanges(["203.0.113.7"]))
    #expect(settings.names == ["registry.example.com", "192.0.2.7"])
    #expect(settings.root == "/data/bulkhead" && settings.run == "/run/other")
    #expect(settings.limits.http.maxConnections == 2_000 && settings.limits.http.maxConnectionsPerAddress == 5)
    let registry = settings.limits.registry
    #expect(registry.maximumBlobBytes == 1_048_576 && registry.maximumUploads == 7)
    #expect(registry.maximumProjectUploads == 3 && registry.uploadExpirySeconds == 60 && registry.graceSeconds == 0)
  }

  @Test(arguments: [
    ("port: 1", "s.yaml line 1: unknown key 'port'; known here: kubernetes, limits, listen, names, root, run"),
    ("listen: 127.0.0.1:1", "s.yaml line 1: 'listen' must be a list"),
    (
      "kubernetes:\n  port: 1",
      "s.yaml line 2: unknown key 'kubernetes.port'; known here: externalAddresses, listen, loadBalancerAddresses"
    ),
    (
      "kubernetes:\n  loadBalancerAddresses: [x]",
      "s.yaml line 2: 'kubernetes.loadBalancerAddresses' has 'x': expected an IPv4 address, FIRST-LAST or a subnet"
    ),
    (
      "kubernetes:\n  externalAddresses: [fd00::1]",
      "s.yaml line 2: 'kubernetes.externalAddresses' has 'fd00::1': expected an IPv4 address, FIRST-LAST or a subnet"
    ),
    ("kubernetes:\n  listen: [here]", "s.yaml line 2: 'kubernetes.listen' has 'here': expected HOST:PORT"),
    ("\nlisten: []", "s.yaml line 2: 'listen' must have 1 to 16 entries, not 0"),
    ("listen:\n  - 127.0.0.1:1\n  - here", "s.yaml line 3: 'listen' has 'here': expected HOST:PORT"),
    ("listen:\n  - 127.0.0.1:65536", "s.yaml line 2: 'listen' has '127.0.0.1:65536': expected"),
    ("listen:\n  - [a]", "s.yaml line 2: 'listen' has no text: expected"),
    ("names: [a/b]", "s.yaml line 1: 'names' has 'a/b': expected a host's name"),
    ("root: data", "s.yaml line 1: 'root' must be an absolute path, not 'data'"),
    ("run: /run/../etc", "s.yaml line 1: 'run' must be an absolute path, not '/run/../etc'"),
    ("limits:\n  uploads: 0", "s.yaml line 2: 'limits.uploads' must be a whole number from 1 to 100000, not '0'"),
    (
      "limits:\n  blobBytes: 64g",
      "'limits.blobBytes' must be a whole number from 1048576 to 1125899906842624, not '64g'"
    ),
    ("limits:\n  memory: 1", "s.yaml line 2: unknown key 'limits.memory'"),
  ])
  func `mistakes are told with line, key and value`(text: String, message: String) {
    let failure = #expect(throws: PlatformError.self) { try read(text) }
    #expect(failure?.code == .invalidArgument)
    #expect(failure?.message.contains(message) == true, "\(failure?.message ?? "")")
  }
}
