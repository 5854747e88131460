import Testing

@testable import bulkhead

@Suite struct TemplateTests {
  private let value: JSONValue = [
    "ID": "abc", "State": ["Pid": 7, "Running": true], "Labels": ["a.b": "c"], "List": ["x", "y"], "Nothing": .null,
  ]

  @Test(arguments: [
    ("{{.ID}}", "abc"), ("{{ .State.Pid }}-{{.state.running}}", "7-true"),
    ("{{json .State}}", #"{"Pid":7,"Running":true}"#),
    (
      "{{json .}}x",
      #"{"ID":"abc","State":{"Pid":7,"Running":true},"Labels":{"a.b":"c"},"List":["x","y"],"Nothing":null}x"#
    ),
    ("{{len .List}}", "2"), ("{{.List}}", "[x y]"), ("{{.Labels}}", "map[a.b:c]"), (#"{{index .Labels "a.b"}}"#, "c"),
    ("{{index .List 1}}", "y"), (#"a\tb\n"#, "a\tb\n"), ("{{.Labels.none}}", "<no value>"),
    ("{{.Nothing}}", "<no value>"),
    ("{{- .ID -}}", "abc"),
  ])
  func renders(source: String, expected: String) throws {
    #expect(try Template(parsing: source).render(value) == expected)
  }

  @Test(arguments: ["{{.ID", "{{range .List}}", "{{ID}}", "{{json}}", "{{.A .B}}", "{{}}"])
  func refusesWhatItDoesNotKnow(source: String) {
    #expect(throws: ClientError.self) { try Template(parsing: source) }
  }

  @Test(arguments: [
    ("{{.Wrong}}", "no field 'Wrong': there are ID, State, Labels, List, Nothing"),
    ("{{.ID.X}}", "the format asks for the field 'X' of something that has no fields"),
    ("{{index .List 5}}", "the format asks for element '5' of a list of 2"),
  ])
  func namesTheFieldThatIsMissing(source: String, message: String) throws {
    let template = try Template(parsing: source)
    #expect(throws: ClientError.usage(message)) { try template.render(value) }
  }

  @Test func listsAlignAndFollowFormats() throws {
    var listing = Listing([("NAME", "Name"), ("STATE", "State")], identity: "Name")
    listing.add([("Name", "a"), ("State", "up"), ("Extra", "1")])
    listing.add([("Name", "long"), ("State", "down"), ("Extra", "2")])
    #expect(try listing.text(format: nil, quiet: false) == "NAME   STATE\na      up\nlong   down\n")
    #expect(try listing.text(format: nil, quiet: true) == "a\nlong\n")
    #expect(try listing.text(format: "{{.Extra}}", quiet: false) == "1\n2\n")
    #expect(
      try listing.text(format: #"table {{.Extra}}\t{{.Name}}"#, quiet: false)
        == "EXTRA   NAME\n1       a\n2       long\n")
    #expect(
      try listing.text(format: "json", quiet: false)
        == #"{"Name":"a","State":"up","Extra":"1"}"# + "\n" + #"{"Name":"long","State":"down","Extra":"2"}"# + "\n")
  }
}
