import ContentStore
import Glibc
import Layers
import LinuxSystem
import Model
import OCITypes

/// Makes base images from what the distribution ships: `debian:<suite>` by mmdebstrap, `busybox` from busybox-static.
///
/// The same state of the package archive gives the same image id: times come from the archive's own Release files, what
/// differs from run to run is removed, and the configuration says nothing of this machine. Takes one to several minutes.
public struct ImageBootstrap: Sendable {
  private static let scratchPrefix = "bootstrap-"
  private static let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
  private static let maximumPackages = 2_000

  private let catalog: ImageCatalog
  private let scratchDirectory: String

  /// - Parameter scratchDirectory: where a directory for the time of the run is made; some hundred MB must fit.
  public init(catalog: ImageCatalog, scratchDirectory: String) {
    self.catalog = catalog
    self.scratchDirectory = scratchDirectory
  }

  /// Removes what runs that were killed have left. Must not be called while one is running.
  public static func removeLeftovers(in scratchDirectory: String) throws {
    try translatingSystemErrors("remove leftovers of image bootstrap") {
      for name in try FileSystem.list(scratchDirectory) where name.hasPrefix(scratchPrefix) {
        try FileSystem.removeTree("\(scratchDirectory)/\(name)")
      }
    }
  }

  /// Makes the image and names it.
  /// - Parameters:
  ///   - reference: `debian:bookworm`, `debian:trixie`, … or `busybox`.
  ///   - tag: the name; `reference` when nil.
  ///   - include: further packages by name.
  ///   - progress: gets a line for each step, from another thread.
  /// - Throws: `invalidArgument` for what cannot be made, `unavailable` where a program or the archive is missing.
  public func run(
    reference: String, tag: ImageReference? = nil, include: [String], progress: @escaping @Sendable (String) -> Void
  ) throws -> ImageRecord {
    let name = try ImageReference(parsing: reference).withDefaultTag
    let tag = tag ?? name
    switch name.familiarName {
    case "debian": return try debian(name, tag, include, progress)
    case "busybox":
      guard include.isEmpty else {
        throw PlatformError(.invalidArgument, "a busybox image holds one program; packages cannot be included")
      }
      return try busybox(name, tag, progress)
    default:
      throw PlatformError(
        .invalidArgument, "cannot make '\(name.familiar)' from packages: 'debian:<suite>' and 'busybox' can be made")
    }
  }

  // MARK: - Debian

  private func debian(
    _ name: ImageReference, _ given: ImageReference, _ include: [String],
    _ progress: @escaping @Sendable (String) -> Void
  ) throws -> ImageRecord {
    let tag = name.tag ?? ""
    let suite = tag == ImageReference.defaultTag ? "stable" : tag
    try Self.checkWord(suite, "suite")
    guard include.count <= Self.maximumPackages else {
      throw PlatformError(.resourceExhausted, "more than \(Self.maximumPackages) packages")
    }
    let packages = include.flatMap { $0.split(separator: ",").map(String.init) }
    for package in packages { try Self.checkWord(package, "package") }
    let scratch = "\(scratchDirectory)/\(Self.scratchPrefix)\(String(UInt64.random(in: .min ... .max), radix: 36))"
    try translatingSystemErrors("make a scratch directory") { try FileSystem.makeDirectory(scratch, mode: 0o711) }
    defer { try? FileSystem.removeTree(scratch) }
    let apt = HostApt(scratch: scratch)
    progress("Reading the release of \(suite)")
    let sources = try apt.sources(suite: suite)
    let epoch = try apt.releaseTime(sources)
    let build = try DebianBuild(
      suite: suite, packages: packages, sources: sources, epoch: epoch, scratch: scratch,
      environment: apt.proxies(), progress: progress)
    var new = NewImage()
    new.execution.cmd = ["bash"]
    new.execution.env = ["PATH=\(Self.path)"]
    new.created = ImageTimestamp.text(nanoseconds: epoch.clampedMultiplied(by: 1_000_000_000))
    new.createdBy =
      "bulkhead image bootstrap \(name.familiar)"
      + (packages.isEmpty ? "" : " --include \(packages.sorted().joined(separator: ","))")
    new.reference = given
    do {
      // A build that fails ends its stream early: its own words say more than those about the stream.
      let record = try catalog.importTar(CheckedSource(DescriptorSource(build.archive)) { try build.finish() }, new)
      progress("Made \(name.familiar) \(record.id)")
      return record
    } catch {
      build.stop()
      try build.finish()
      throw error
    }
  }

  private static func checkWord(_ word: String, _ what: String) throws {
    let isPlain = word.utf8.allSatisfy {
      (97...122).contains($0) || (65...90).contains($0) || (48...57).contains($0) || [43, 45, 46, 58, 126].contains($0)
    }
    guard isPlain, let first = word.utf8.first, first != UInt8(ascii: "-"), word.utf8.count <= 100 else {
      throw PlatformError(.invalidArgument, "'\(TarEntry.printable(word.utf8))' is no name of a \(what)")
    }
  }

  // MARK: - Busybox

  private func busybox(_ name: ImageReference, _ given: ImageReference, _ progress: (String) -> Void) throws
    -> ImageRecord
  {
    let tree = try BusyboxTree()
    progress("Packing \(tree.commands.count) commands of \(BusyboxTree.program)")
    var new = NewImage()
    new.execution.cmd = ["sh"]
    new.execution.env = ["PATH=\(Self.path)"]
    new.created = ImageTimestamp.text(nanoseconds: tree.modified.seconds.clampedMultiplied(by: 1_000_000_000))
    new.createdBy = "bulkhead image bootstrap \(name.familiar)"
    new.reference = given
    let record = try catalog.importTar(MemorySource(try tree.archive()), new)
    progress("Made \(name.familiar) \(record.id)")
    return record
  }
}
