import ContentStore
import Dockerfile
import Glibc
import Layers
import LinuxSystem
import Model

extension StageBuilder {
  /// Fetches the repositories of an ADD.
  func trees(_ copy: CopyInstruction, in held: HeldMounts) async throws -> [String: GitTree] {
    var trees: [String: GitTree] = [:]
    for word in copy.sources where RemoteFiles.isRepository(word.text) && trees[word.text] == nil {
      do {
        trees[word.text] = try await tree(word, copy, number: trees.count, in: held)
      } catch let error as PlatformError where copy.checksum == nil || error.code != .invalidArgument {
        throw PlatformError(error.code, "\(word.position): \(error.message)", cause: error)
      }
    }
    return trees
  }

  private func tree(
    _ word: Word, _ copy: CopyInstruction, number: Int, in held: HeldMounts
  ) async throws -> GitTree {
    let address = try GitAddress(parsing: word.text)
    let folder = try held.temporaryFolder()
    let commit = try await session.runner.fetch(address, into: folder)
    if let checksum = copy.checksum { try GitAddress.check(commit.id, against: checksum) }
    let keeps = copy.keepsGitDirectory ?? false
    let whole = try GitContexts.context(of: commit, in: session.contexts)
    if whole.entry(".gitmodules") != nil {
      try await session.report(.warning("\(word.position): the repository has submodules; they are not fetched"))
    }
    let context = try GitContexts.folder(address.folder, of: whole)
    var files: any CopySource = ContextSource(context: context)
    if keeps { files = try Self.withRepository(context, commit, in: held) }
    guard let root = try files.find("", followLast: true) else {
      throw PlatformError(.internal, "a repository was fetched without its files")
    }
    return GitTree(
      prefix: "\0g\(number)", files: files, root: root,
      fingerprint: "g\(commit.id):\(address.folder):\(keeps)")
  }

  /// The files laid out with their `.git` beside them.
  private static func withRepository(
    _ context: BuildContext, _ commit: GitCommit, in held: HeldMounts
  ) throws -> RootSource {
    let path = try held.temporaryFolder()
    let root = try RootedDirectory(path: path)
    try context.materialise(in: root)
    try translatingSystemErrors("keep the repository") { try FileSystem.rename(commit.directory, to: path + "/.git") }
    return RootSource(root: root)
  }
}

/// Commits as build contexts.
public enum GitContexts {
  /// The files of a commit. Blocks.
  /// - Throws: `invalidArgument` for names that no checkout would make.
  public static func context(of commit: GitCommit, in contexts: ContextStore) throws -> BuildContext {
    let file = try translatingSystemErrors("read what was fetched") {
      try Descriptor.open(commit.archive, flags: O_RDONLY | O_NOFOLLOW)
    }
    let context = try contexts.receive(archive: try UnpackedStream.open(DescriptorSource(file)))
    // git refuses these in a checkout, and here nothing is checked out.
    for entry in context.entries where FileSystem.lastComponent(of: entry.path).lowercased() == ".git" {
      throw PlatformError(
        .invalidArgument, "commit \(commit.id) has a file '\(entry.path.prefix(200))', which no checkout makes")
    }
    return context
  }

  /// One folder of a commit's files as a context of its own.
  /// - Throws: `notFound`, `invalidArgument` for what is no folder.
  public static func folder(_ path: String, of context: BuildContext) throws -> BuildContext {
    guard !path.isEmpty else { return context }
    guard let entry = context.entry(path) else {
      throw PlatformError(.invalidArgument, "the repository has no folder '\(path.prefix(256))'")
    }
    guard entry.kind == .directory else {
      throw PlatformError(.invalidArgument, "'\(path.prefix(256))' in the repository is no folder")
    }
    return context.subcontext(path)
  }
}
