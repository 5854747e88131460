import OCITypes

/// Chooses the manifest for a platform from an index.
enum PlatformChoice {
  /// The entry that fits best; entries without a platform fit where nothing else does. Attestations are no images.
  static func choose(_ entries: [ContentDescriptor], _ wanted: Platform) -> ContentDescriptor? {
    let images = entries.filter { !$0.isAttestation }
    let fitting = images.filter { $0.platform?.runs(on: wanted) ?? false }
    // A variant that nobody asked for may be for newer processors than this: the plain one comes first.
    return fitting.first { ($0.platform?.variant ?? "") == (wanted.variant ?? "") }
      ?? fitting.first ?? images.first { $0.platform == nil }
  }
}

extension Platform {
  /// `linux/arm64/v8`.
  var text: String { [os, architecture, variant].compactMap { $0 }.joined(separator: "/") }
}
