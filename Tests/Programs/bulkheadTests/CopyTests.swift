import Testing

@testable import bulkhead

@Suite struct CopyTests {
  @Test(
    "the ends of a copy",
    arguments: [
      ("-", CopyEnd.stream), ("web:/etc", .inside(container: "web", path: "/etc")),
      ("web:rel", .inside(container: "web", path: "rel")), ("web:", .inside(container: "web", path: "")),
      ("./a:b", .local("./a:b")), ("/a:b", .local("/a:b")), ("plain", .local("plain")), (":x", .local(":x")),
    ])
  func ends(text: String, expected: CopyEnd) { #expect(CopyEnd(parsing: text) == expected) }

  @Test(
    "where a copy goes",
    arguments: [
      ("a/f", false, "/d", CopyTarget.directory, CopyPlace(folder: "/d", name: "f")),
      ("a/f", false, "/d/new", .missing, CopyPlace(folder: "/d", name: "new")),
      ("a/f", false, "/d/old", .file, CopyPlace(folder: "/d", name: "old")),
      ("a/dir", true, "/d", .directory, CopyPlace(folder: "/d", name: "dir")),
      ("a/dir", true, "/d/new/", .missing, CopyPlace(folder: "/d", name: "new")),
      ("a/dir/.", true, "/d", .directory, CopyPlace(folder: "/d", name: nil)),
      ("a/dir/.", true, "/new", .missing, CopyPlace(folder: "/", name: "new")),
      ("f", false, "new", .missing, CopyPlace(folder: ".", name: "new")),
    ])
  func places(source: String, isDirectory: Bool, target: String, existing: CopyTarget, expected: CopyPlace) throws {
    let name = CopyPlace.split(source.hasSuffix("/.") ? String(source.dropLast(2)) : source).name
    #expect(
      try CopyPlace.decide(
        source: source, sourceName: name, isDirectory: isDirectory, target: target, holds: existing) == expected)
  }

  @Test(
    "copies that cannot be",
    arguments: [
      (true, "/d/file", CopyTarget.file, "cannot copy a directory to '/d/file', which is a file"),
      (false, "/d/new/", .missing, "there is no directory '/d/new/'"),
    ])
  func refused(isDirectory: Bool, target: String, existing: CopyTarget, message: String) {
    let error = #expect(throws: ClientError.self) {
      try CopyPlace.decide(
        source: "a", sourceName: "a", isDirectory: isDirectory, target: target, holds: existing)
    }
    #expect(error?.message == message)
  }

  @Test(
    "names of an archive under another first part",
    arguments: [
      ("dir", "new", "new"), ("dir/", "new", "new/"), ("dir/a/b", "new", "new/a/b"), ("/dir/a", "new", "new/a"),
      ("dir/../../x", "new", "new/../../x"), ("dir/a", nil, "dir/a"),
    ] as [(String, String?, String)])
  func renamed(name: String, first: String?, expected: String) {
    let bytes = CopyPlace.renamed(Array(name.utf8), to: first.map { Array($0.utf8) })
    #expect(String(decoding: bytes, as: UTF8.self) == expected)
  }
}
