import Builder
import Model

/// What `--cache-from` and `--cache-to` say: `type=registry,ref=NAME` and the like.
enum BuildCaches {
  private static let maximumCount = 32

  /// Images and caches whose steps count as known: docker's list of names, or `type=registry,ref=NAME`.
  static func sources(_ values: [String]) throws -> [CacheSource] {
    try check(values, "cachefrom")
    return try values.map { value in
      guard value.contains("=") else {
        _ = try ImageReference(parsing: value)
        return CacheSource(name: value, pulls: false)
      }
      let parts = try fields(value, "cachefrom")
      guard parts["type"] == "registry" else {
        throw PlatformError(
          .notImplemented, "cachefrom: '\(value.prefix(128))': only images and type=registry are there yet")
      }
      try refuseUnknown(parts, ["type", "ref"], "cachefrom")
      return CacheSource(name: try reference(parts, value, "cachefrom").description, pulls: true)
    }
  }

  /// Where steps are to be left. An image is its own cache, so that `type=inline` is what a push does.
  static func targets(_ values: [String]) throws -> [CacheTarget] {
    try check(values, "cacheto")
    return try values.compactMap { value in
      let parts = try fields(value, "cacheto")
      if parts == ["type": "inline"] { return nil }
      guard parts["type"] == "registry" else {
        throw PlatformError(
          .notImplemented, "cacheto: '\(value.prefix(128))': only type=inline and type=registry are there yet")
      }
      try refuseUnknown(
        parts, ["type", "ref", "mode", "ignore-error", "oci-mediatypes", "image-manifest", "compression"], "cacheto")
      // Said by people who know BuildKit; nothing else is written here.
      for (name, only) in [("oci-mediatypes", "true"), ("image-manifest", "true"), ("compression", "gzip")] {
        guard let given = parts[name], given != only else { continue }
        throw PlatformError(.notImplemented, "cacheto: \(name)=\(given.prefix(32)): only \(name)=\(only) is there yet")
      }
      let reference = try reference(parts, value, "cacheto")
      guard reference.digest == nil else {
        throw PlatformError(.invalidArgument, "cacheto: ref '\(reference.familiar.prefix(256))' cannot be a digest")
      }
      return CacheTarget(
        reference: reference.withDefaultTag,
        takesAllStages: try choice(parts, "mode", [("min", false), ("max", true)]) ?? false,
        ignoresErrors: try choice(parts, "ignore-error", [("false", false), ("true", true)]) ?? false)
    }
  }

  private static func check(_ values: [String], _ name: String) throws {
    guard values.count <= maximumCount else {
      throw PlatformError(.invalidArgument, "\(name): at most \(maximumCount) of them")
    }
  }

  private static func reference(_ parts: [String: String], _ value: String, _ name: String) throws -> ImageReference {
    guard let text = parts["ref"] else {
      throw PlatformError(.invalidArgument, "\(name): '\(value.prefix(128))': expected type=registry,ref=NAME")
    }
    return try ImageReference(parsing: text)
  }

  private static func refuseUnknown(_ parts: [String: String], _ known: Set<String>, _ name: String) throws {
    guard let other = parts.keys.filter({ !known.contains($0) }).min() else { return }
    if other == "registry.insecure" {
      throw PlatformError(
        .forbidden, "\(name): registry.insecure is refused: insecure registries are those that engine.yaml names")
    }
    throw PlatformError(
      .invalidArgument,
      "\(name): unknown field '\(other.prefix(64))', expected \(known.sorted().joined(separator: ", "))")
  }

  private static func choice(_ parts: [String: String], _ name: String, _ values: [(String, Bool)]) throws -> Bool? {
    guard let text = parts[name] else { return nil }
    guard let value = values.first(where: { $0.0 == text }) else {
      throw PlatformError(
        .invalidArgument,
        "cacheto: \(name)=\(text.prefix(32)): expected \(values.map(\.0).joined(separator: " or "))")
    }
    return value.1
  }

  /// `a=b,c=d`.
  private static func fields(_ text: String, _ name: String) throws -> [String: String] {
    var result: [String: String] = [:]
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard pair.count == 2, result.updateValue(pair[1], forKey: pair[0].lowercased()) == nil else {
        throw PlatformError(.invalidArgument, "\(name): '\(text.prefix(128))': expected NAME=VALUE, each name once")
      }
    }
    return result
  }
}
