import FoundationEssentials
import Model

/// Reads and writes the JSON documents of images within bounds.
///
/// Every document comes from outside: its size and nesting are checked before any of it is decoded, so that a hostile
/// one costs neither memory nor stack.
public enum ImageDocuments {
  /// Largest manifest or index, the limit that registries keep too.
  public static let maximumManifestBytes = 4 << 20
  public static let maximumConfigBytes = 8 << 20
  /// Deepest nesting of arrays and objects.
  public static let maximumDepth = 64
  /// Most layers that one image may have; the kernel's overlay stops at 500.
  public static let maximumLayers = 500

  public static func manifest(from bytes: [UInt8]) throws -> ImageManifest {
    let manifest = try decode(ImageManifest.self, from: bytes, limit: maximumManifestBytes, named: "image manifest")
    guard manifest.schemaVersion == 2 else {
      throw PlatformError(.invalidArgument, "image manifest has schema version \(manifest.schemaVersion); 2 is needed")
    }
    try checkSizes([manifest.config] + manifest.layers)
    try checkLayerCount(manifest.layers.count)
    return manifest
  }

  public static func index(from bytes: [UInt8]) throws -> ImageIndex {
    let index = try decode(ImageIndex.self, from: bytes, limit: maximumManifestBytes, named: "image index")
    guard index.schemaVersion == 2 else {
      throw PlatformError(.invalidArgument, "image index has schema version \(index.schemaVersion); 2 is needed")
    }
    try checkSizes(index.manifests)
    return index
  }

  public static func config(from bytes: [UInt8]) throws -> ImageConfig {
    let config = try decode(ImageConfig.self, from: bytes, limit: maximumConfigBytes, named: "image configuration")
    guard config.rootfs.type == "layers" else {
      throw PlatformError(
        .invalidArgument, "image configuration has rootfs type '\(config.rootfs.type.prefix(32))'; 'layers' is needed")
    }
    try checkLayerCount(config.rootfs.diffIDs.count)
    return config
  }

  /// Decodes any bounded JSON document; throws `resourceExhausted` over the limits, `invalidArgument` for bad JSON.
  public static func decode<T: Decodable>(
    _ type: T.Type, from bytes: [UInt8], limit: Int, named name: String
  ) throws -> T {
    guard bytes.count <= limit else {
      throw PlatformError(.resourceExhausted, "\(name) has \(bytes.count) bytes; at most \(limit) are accepted")
    }
    try checkDepth(bytes, named: name)
    do {
      return try JSONDecoder().decode(type, from: Data(bytes))
    } catch let error as PlatformError {
      throw error
    } catch let error as DecodingError {
      throw PlatformError(.invalidArgument, "\(name) is not valid: \(reason(error))", cause: error)
    } catch {
      throw PlatformError(.invalidArgument, "\(name) is not valid JSON", cause: error)
    }
  }

  /// The document's bytes, the same for the same value: sorted members, no white space.
  public static func encode(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      return [UInt8](try encoder.encode(value))
    } catch {
      throw PlatformError(.internal, "cannot write image document", cause: error)
    }
  }

  /// Counts open brackets outside strings in one pass, without recursion.
  static func checkDepth(_ bytes: [UInt8], named name: String) throws {
    var depth = 0
    var inString = false
    var escaped = false
    for byte in bytes {
      if inString {
        if escaped {
          escaped = false
        } else if byte == UInt8(ascii: "\\") {
          escaped = true
        } else if byte == UInt8(ascii: "\"") {
          inString = false
        }
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): inString = true
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        guard depth <= maximumDepth else {
          throw PlatformError(.resourceExhausted, "\(name) is nested deeper than \(maximumDepth) levels")
        }
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      default: break
      }
    }
  }

  private static func checkSizes(_ descriptors: [ContentDescriptor]) throws {
    for descriptor in descriptors where descriptor.size < 0 {
      throw PlatformError(
        .invalidArgument, "descriptor of \(descriptor.digest) has the negative size \(descriptor.size)")
    }
  }

  private static func checkLayerCount(_ count: Int) throws {
    guard count <= maximumLayers else {
      throw PlatformError(.resourceExhausted, "image has \(count) layers; at most \(maximumLayers) are accepted")
    }
  }

  /// Says which member is wrong without quoting the document.
  private static func reason(_ error: DecodingError) -> String {
    func path(_ context: DecodingError.Context) -> String {
      let keys = context.codingPath.prefix(16).map {
        $0.intValue.map { "[\($0)]" } ?? String($0.stringValue.prefix(64))
      }
      return keys.isEmpty ? "the document" : "'\(keys.joined(separator: "."))'"
    }
    switch error {
    case .keyNotFound(let key, let context): return "member '\(key.stringValue)' is missing in \(path(context))"
    case .typeMismatch(_, let context), .valueNotFound(_, let context): return "\(path(context)) has the wrong type"
    case .dataCorrupted(let context):
      if let inner = context.underlyingError as? PlatformError { return inner.message }
      return "\(path(context)) is malformed"
    @unknown default: return "malformed"
    }
  }
}
