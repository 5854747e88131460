import ContentStore
import Glibc
import LinuxSystem
import Model
import Testing

@testable import Layers

/// Works on what the kernel's own overlay leaves in an upper directory.
@Suite(.enabled(if: geteuid() == 0)) struct LayerDifferTests {
  let scratch: Scratch
  init() throws { scratch = try Scratch() }

  private var lowers: [String] { [scratch.path + "/l1", scratch.path + "/l2"] }
  private var upper: String { scratch.path + "/upper" }

  /// Two layers, the second of which deletes and replaces things of the first.
  private func makeLayers() throws {
    try Export.shell(
      """
      cd \(scratch.path)
      mkdir -p l1/etc l1/gone/below l1/dir/sub l1/swap l1/opaque l2/opaque l1/chain/a upper work merged
      echo a >l1/etc/hosts; echo b >l1/etc/keep; echo c >l1/gone/below/x; echo d >l1/dir/sub/deep
      echo e >l1/file; echo f >l1/swap/x; echo g >l1/opaque/hidden; echo h >l2/opaque/shown; echo w >l1/white
      ln l1/file l1/other; echo i >l1/chain/a/b
      mknod l2/white c 0 0
      chown -R 0:0 l1 l2; chmod 755 l1 upper; find l1 l2 -exec touch -h -d @1700000000 {} +
      """)
    try Export.setAttribute(lowers[1] + "/opaque", "trusted.overlay.opaque", [121])
  }

  /// Mounts the layers and changes something.
  private func change(_ script: String) throws {
    try makeLayers()
    try Export.shell(
      """
      cd \(scratch.path)
      mount -t overlay overlay -o \
      lowerdir=l2:l1,upperdir=upper,workdir=work,index=off,xino=off,metacopy=off,redirect_dir=nofollow merged
      cd merged
      \(script)
      """)
  }

  private func changes(_ ids: IDRange? = nil) throws -> [String] {
    try LayerDiffer.changes(upper: upper, lowers: lowers, ids: ids).map { change in
      switch change.kind {
      case .modified: "C \(change.path)"
      case .added: "A \(change.path)"
      case .deleted: "D \(change.path)"
      }
    }
  }

  @Test(arguments: [
    ("true", []), ("echo x >new", ["A /new"]), ("echo x >>etc/hosts", ["C /etc", "C /etc/hosts"]),
    ("rm file", ["D /file"]), ("rm etc/hosts", ["C /etc", "D /etc/hosts"]), ("rm -r gone", ["D /gone"]),
    ("mkdir -p n/m; echo x >n/m/o", ["A /n", "A /n/m", "A /n/m/o"]),
    ("rm -r dir; mkdir dir; echo x >dir/y", ["C /dir", "D /dir/sub", "A /dir/y"]),
    ("rm -r dir; mkdir -p dir/sub", ["C /dir", "C /dir/sub", "D /dir/sub/deep"]),
    ("rm -r chain; mkdir -p chain/a; echo new >chain/a/b", ["C /chain", "C /chain/a", "C /chain/a/b"]),
    ("rm file; mkdir file; echo x >file/in", ["C /file", "A /file/in"]), ("rm -r swap; echo x >swap", ["C /swap"]),
    ("echo x >white", ["A /white"]), ("mkdir white; echo x >white/in", ["A /white", "A /white/in"]),
    ("rm opaque/shown", ["C /opaque", "D /opaque/shown"]),
    ("echo x >opaque/hidden", ["C /opaque", "A /opaque/hidden"]),
    ("chmod 700 dir/sub", ["C /dir", "C /dir/sub"]), ("chown 5 dir/sub", ["C /dir", "C /dir/sub"]),
    ("echo x >t; rm t", []), ("mv etc/hosts etc/moved", ["C /etc", "D /etc/hosts", "A /etc/moved"]),
    ("touch -r dir ref; : >>dir/sub/deep; touch -r dir/sub/deep dir/sub/deep; rm ref", []),
    ("setcap cap_net_raw+ep file", ["C /file"]), ("chmod 700 .", []),
  ])
  func changesAreDockers(script: String, expected: [String]) throws {
    try change(script)
    // Sorted by path, so by what stands behind the letter.
    #expect(try changes().sorted { $0.dropFirst(2) < $1.dropFirst(2) } == changes())
    #expect(try changes() == expected)
  }

  @Test func copiedUpDirectoriesAloneAreNoChange() throws {
    try change("chmod 700 dir/sub; chmod 755 dir/sub; chmod 600 etc/keep; chmod 644 etc/keep")
    #expect(try changes() == [])
    #expect(try layer() == ["dir/", "dir/sub/", "etc/", "etc/keep"])
  }

  @Test func theContainersIDsAreTakenIntoAccount() throws {
    try change("chmod 600 etc/keep; chmod 644 etc/keep; echo x >mine; chown 7:8 mine; rm file")
    try shift(upper)
    #expect(try changes() == ["D /file", "A /mine"])
    #expect(try changes(Export.ids) == ["D /file", "A /mine"])
    #expect(try changes(.host) == ["C /etc", "C /etc/keep", "D /file", "A /mine"])
    _ = try layer(ids: Export.ids)
    let entries = try Export.entries(archive)
    #expect(entries.map { PathText.text(of: $0.name) } == ["etc/", "etc/keep", ".wh.file", "mine"])
    #expect(entries.map(\.uid) == [0, 0, 0, 7] && entries.map(\.gid) == [0, 0, 0, 8])
  }

  /// Gives a tree to the container's range, as its files are stored.
  private func shift(_ path: String) throws {
    var owners: [(String, FileStatus)] = []
    try RootedDirectory(path: path).walk { entry in
      if !isWhiteout(entry.status) { owners.append((entry.path, entry.status)) }
      return .enter
    }
    for (name, status) in owners {
      try Export.setOwner("\(path)/\(name)", Export.ids.first + status.uid, Export.ids.first + status.gid)
    }
  }

  private var archive: String { scratch.path + "/layer.tar" }

  private func layer(ids: IDRange = .host) throws -> [String] {
    try LayerDiffer.writeLayer(upper: upper, ids: ids, to: Export.create(archive))
    return try Export.names(archive)
  }

  @Test func xattrWhiteoutsCountToo() throws {
    try makeLayers()
    try FileSystem.makeDirectory(upper + "/etc")
    try Export.setTime(upper + "/etc", 1)
    for path in [upper + "/file", upper + "/etc/hosts", lowers[1] + "/other"] {
      try Export.write(path, "")
      try Export.setAttribute(path, "trusted.overlay.whiteout", [])
    }
    try Export.write(upper + "/other", "again")
    #expect(try changes() == ["C /etc", "D /etc/hosts", "D /file", "A /other"])
    #expect(try layer() == ["etc/", "etc/.wh.hosts", ".wh.file", "other"])
  }

  @Test func aLayerRebuildsTheUpperDirectory() throws {
    try change(
      """
      rm -r dir; mkdir dir; echo x >dir/y; rm etc/hosts; ln etc/keep etc/again; ln -s /etc/passwd etc/link
      mkfifo pipe; echo secret >suid; chmod 4755 suid; setcap cap_net_raw+ep file; : >.wh.trap
      """)
    let names = try layer()
    #expect(
      names == [
        "dir/", "dir/.wh..wh..opq", "dir/y", "etc/", "etc/again", "etc/.wh.hosts", "etc/keep", "etc/link", "file",
        "pipe", "suid",
      ])
    let first = try FileSystem.read(archive, maxBytes: 1 << 20)
    #expect(try layer() == names)
    #expect(try FileSystem.read(archive, maxBytes: 1 << 20) == first)
    _ = try LayerApplier().apply(MemorySource(first), to: scratch.root)
    #expect(try scratch.attributes("dir") == ["trusted.overlay.opaque"])
    #expect(try scratch.text("dir/y") == "x\n")
    let whiteout = try #require(scratch.status("etc/hosts"))
    #expect(whiteout.st_mode & S_IFMT == S_IFCHR && whiteout.st_rdev == 0)
    #expect(scratch.status("etc/keep")?.st_nlink == 2)
    #expect(scratch.status("suid").map { $0.st_mode } == S_IFREG | 0o4755)
    #expect(try scratch.attributes("file") == ["security.capability"])
    #expect(scratch.status(".wh.trap") == nil)
    // What was applied differs from the layers as the upper directory did.
    let again = try LayerDiffer.changes(upper: scratch.root, lowers: lowers)
    try FileSystem.removeTree(upper + "/.wh.trap")
    #expect(try again == LayerDiffer.changes(upper: upper, lowers: lowers))
  }

  @Test func theDeletionOfALongNameIsRefused() throws {
    try makeLayers()
    let name = String(repeating: "n", count: 252)
    try systemCall("mknod") { mknod("\(upper)/\(name)", S_IFCHR, 0) }
    let error = #expect(throws: PlatformError.self) { try layer() }
    #expect(error?.code == .invalidArgument)
    #expect(error?.message.contains("too long") == true)
  }

  @Test func missingDirectoriesAreErrors() {
    #expect(throws: PlatformError.self) { try LayerDiffer.changes(upper: scratch.path + "/none", lowers: []) }
    #expect(throws: PlatformError.self) {
      try LayerDiffer.changes(upper: scratch.root, lowers: [scratch.path + "/none"])
    }
  }
}
