import ContentStore
import Foundation
import LinuxSystem
import Logging
import Model
import OCITypes
import RegistryDouble

@testable import RegistryClient

/// A client that does not wait long, and words for what tests need.
enum Fixture {
  static func client(
    _ server: ScriptedServer? = nil, insecure: Bool = true, attempts: Int = 3,
    _ change: (inout RegistrySettings) -> Void = { _ in }
  ) throws -> RegistryClient {
    var settings = RegistrySettings()
    if let server, insecure { settings.insecure = [server.address] }
    settings.retry.attempts = attempts
    settings.retry.firstSeconds = 0.001
    settings.certificateFolders = []
    change(&settings)
    return RegistryClient(
      settings: settings, executor: try BlockingExecutor(maxThreads: 4, name: "test"), logger: Logger(label: "test"))
  }

  static func repository(
    _ server: ScriptedServer, _ path: String = "team/app", credentials: RegistryCredentials = .anonymous,
    attempts: Int = 3, _ change: (inout RegistrySettings) -> Void = { _ in }
  ) throws -> RemoteRepository {
    try client(server, attempts: attempts, change)
      .repository(RegistryHost(server.address), path, credentials: credentials)
  }

  static func digest(_ bytes: [UInt8]) -> Digest { ContentHasher.digest(of: bytes) }

  static func manifest(layers: Int = 1) -> [UInt8] {
    let config = digest([1])
    let layer = ContentDescriptor(mediaType: .ociLayerGzip, digest: digest([2]), size: 1)
    let manifest = ImageManifest(
      config: ContentDescriptor(mediaType: .ociConfig, digest: config, size: 1),
      layers: Array(repeating: layer, count: layers))
    return (try? ImageDocuments.encode(manifest)) ?? []
  }
}
