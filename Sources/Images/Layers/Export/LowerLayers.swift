import Glibc
import LinuxSystem
import Model

/// What an image's layers show together at a place, looked up as overlay does it.
struct LowerLayers {
  /// A directory of the image: the layers that contribute to it, highest first. Empty where there is none.
  struct Place {
    fileprivate var layers: [Int] = []
  }

  struct Found {
    /// The highest layer's file.
    let file: Descriptor
    let status: FileStatus
    /// For a directory, what to look further in.
    let place: Place
  }

  /// Highest first.
  private let roots: [RootedDirectory]
  let root: Place

  /// - Parameter paths: lowest first.
  init(_ paths: [String]) throws {
    roots = try paths.reversed().map { try RootedDirectory(path: $0, confinement: .beneath) }
    var root = Place()
    for (layer, directory) in roots.enumerated() {
      root.layers.append(layer)
      if try OverlayAttributes.isOpaque(directory.descriptor) { break }
    }
    self.root = root
  }

  /// What the image has at a path whose parent is `place`.
  func find(_ path: [UInt8], in place: Place) throws -> Found? {
    if place.layers.isEmpty { return nil }
    let text = PathText.text(of: path)
    var found: (file: Descriptor, status: FileStatus)?
    var below = Place()
    for layer in place.layers {
      guard let file = try open(text, in: roots[layer]) else { continue }
      let status = try file.status()
      guard status.type == .directory else {
        // A whiteout, or a file; under a directory it is hidden, and hides what is lower.
        if found == nil, try !OverlayAttributes.isWhiteout(file, status) { found = (file, status) }
        break
      }
      if found == nil { found = (file, status) }
      below.layers.append(layer)
      if try OverlayAttributes.isOpaque(file) { break }
    }
    return found.map { Found(file: $0.file, status: $0.status, place: below) }
  }

  /// The names of all files in a directory of the image, deleted ones too.
  func names(_ path: [UInt8], in place: Place) throws -> Set<[UInt8]> {
    var names: Set<[UInt8]> = []
    let text = PathText.text(of: path)
    for layer in place.layers {
      for name in try roots[layer].list(text) { names.insert(PathText.bytes(of: name)) }
    }
    return names
  }

  /// Layers hold no path above the kernel's bound, a container may.
  private func open(_ path: String, in layer: RootedDirectory) throws -> Descriptor? {
    do {
      return try layer.openPath(path, followLink: false)
    } catch let error as SystemError where [ENOENT, ENOTDIR, ENAMETOOLONG].contains(error.errno) {
      return nil
    }
  }
}
