import Model

/// A name from an archive as a path below a root: components without "", "." and "..".
package struct EntryPath: Hashable {
  /// Components joined by "/"; empty for the root itself.
  package let bytes: [UInt8]
  /// Where the last component starts in `bytes`.
  private let nameStart: Int

  package var isRoot: Bool { bytes.isEmpty }
  /// The last component; empty for the root.
  package var name: ArraySlice<UInt8> { bytes[nameStart...] }
  /// What holds the last component; empty for the root.
  package var parent: ArraySlice<UInt8> { nameStart == 0 ? [] : bytes[..<(nameStart - 1)] }

  private static let maximumNameBytes = 255

  /// - Throws: `invalidArgument` for a name that leads upwards, is empty or cannot be stored exactly;
  ///   `resourceExhausted` for one that is too long or too deep.
  package init(_ name: [UInt8], limits: LayerLimits) throws {
    let shown = TarEntry.printable(name)
    guard !name.isEmpty else { throw PlatformError(.invalidArgument, "an entry of the archive has an empty name") }
    guard name.count <= limits.pathBytes else {
      throw PlatformError(
        .resourceExhausted, "the name '\(shown)' has \(name.count) bytes; at most \(limits.pathBytes) are accepted")
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(name.count)
    var depth = 0
    var nameStart = 0
    for component in name.split(separator: UInt8(ascii: "/")) {
      if component.elementsEqual([UInt8(ascii: ".")]) { continue }
      if component.elementsEqual([UInt8(ascii: "."), UInt8(ascii: ".")]) {
        throw PlatformError(.invalidArgument, "the name '\(shown)' in the archive leads upwards, out of its root")
      }
      guard component.count <= Self.maximumNameBytes else {
        throw PlatformError(
          .resourceExhausted, "a part of the name '\(shown)' has more than \(Self.maximumNameBytes) bytes")
      }
      depth += 1
      if !bytes.isEmpty { bytes.append(UInt8(ascii: "/")) }
      nameStart = bytes.count
      bytes.append(contentsOf: component)
    }
    guard depth <= limits.depth else {
      throw PlatformError(
        .resourceExhausted, "the name '\(shown)' is \(depth) levels deep; at most \(limits.depth) are accepted")
    }
    guard !bytes.contains(0) else {
      throw PlatformError(.invalidArgument, "the name '\(shown)' in the archive has a zero byte")
    }
    self.bytes = bytes
    self.nameStart = nameStart
  }
}
