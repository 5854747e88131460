import Testing

@testable import bulkhead

@Suite struct ListingTests {
  private static let digest = "sha256:" + String(repeating: "0f", count: 32)

  private func artifacts() -> Listing {
    var listing = Listing(
      columns: [
        .init("NAME", "Name"), .init("TAGS", "Tags", absent: "<none>"),
        .init("DIGEST", "Digest") { $0.readableDigest }, .init("SIZE", "SizeBytes") { $0.readableSize },
        .init("OPEN", "IsOpen"), .init("USER", "User", absent: "-"),
      ], identity: "Digest")
    listing.add([
      "Name": "app", "Tags": ["1", "2"], "Digest": .string(Self.digest), "SizeBytes": 1_235_047, "IsOpen": true,
      "User": .null,
    ])
    listing.add(["Name": "web", "Tags": [], "Digest": "sha512:ab", "SizeBytes": 0, "IsOpen": false, "User": ""])
    return listing
  }

  @Test func `JSON has each value whole and in its own type`() throws {
    #expect(
      try artifacts().text(format: "json", quiet: false) == """
        {"Name":"app","Tags":["1","2"],"Digest":"\(Self.digest)","SizeBytes":1235047,"IsOpen":true,"User":null}
        {"Name":"web","Tags":[],"Digest":"sha512:ab","SizeBytes":0,"IsOpen":false,"User":""}

        """)
  }

  @Test func `a table has what people read`() throws {
    #expect(
      try artifacts().text(format: nil, quiet: false) == """
        NAME   TAGS     DIGEST                SIZE     OPEN   USER
        app    1,2      sha256:0f0f0f0f0f0f   1.24MB   yes    -
        web    <none>   sha512:ab             0B       no     -

        """)
  }

  @Test(
    arguments: [
      ("{{.SizeBytes}} {{.IsOpen}} {{json .Tags}}", "1235047 true [\"1\",\"2\"]\n0 false []\n"),
      ("table {{.Name}}\t{{.SizeBytes}}", "NAME   SIZE\napp    1.24MB\nweb    0B\n"),
    ])
  func `templates see the values, tables of a template what people read`(format: String, text: String) throws {
    #expect(try artifacts().text(format: format, quiet: false) == text)
  }

  @Test func `ids only are whole`() throws {
    #expect(try artifacts().text(format: nil, quiet: true) == Self.digest + "\nsha512:ab\n")
  }

  @Test func `lists in docker's form keep its texts`() throws {
    var listing = Listing([("ID", "ID")], identity: "ID")
    listing.add([("ID", "1"), ("Size", "1.2MB")])
    #expect(try listing.text(format: "json", quiet: false) == "{\"ID\":\"1\",\"Size\":\"1.2MB\"}\n")
  }

  @Test(
    arguments: [
      ("team/app@\(digest)", "team/app@sha256:0f0f0f0f0f0f"),
      ("moved \(digest) away", "moved sha256:0f0f0f0f0f0f away"),
      ("team/app:1", "team/app:1"), ("sha256:xyz", "sha256:xyz"),
    ])
  func `digests within a text are cut for tables`(text: String, shown: String) {
    #expect(JSONValue.string(text).readableDigest == shown)
  }

  @Test func `a field that there is not is a mistake of the command line`() {
    #expect(throws: ClientError.usage("no field 'Nam': there are Name, Tags, Digest, SizeBytes, IsOpen, User")) {
      try artifacts().text(format: "{{.Nam}}", quiet: false)
    }
  }
}
