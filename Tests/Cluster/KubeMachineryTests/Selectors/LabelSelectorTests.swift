import HTTPServing
import KubeMachinery
import Testing

struct LabelSelectorTests {
  static let refused: [(String, String)] = [
    ("a===b", "unable to parse requirement: found '=', expected: identifier"),
    ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
    ("a in b", "unable to parse requirement: found 'b' expected: '('"),
    ("a in (", "unable to parse requirement: found '', expected: ',', ')' or identifier"),
    ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
    ("a in (b,=)", "unable to parse requirement: found '=', expected: ',', or identifier"),
    ("a,", "found '', expected: identifier after ','"),
    ("a,,b", "found ',', expected: identifier after ','"),
    (",", "found ',', expected: !, identifier, or 'end of string'"),
    ("=", "found '=', expected: !, identifier, or 'end of string'"),
    ("a=b c", "found 'c', expected: ',' or 'end of string'"),
    ("!a=b", "found '=', expected: ',' or 'end of string'"),
    ("!!a", "unable to parse requirement: found '!', expected: identifier"),
    (
      "a>x",
      "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer"
    ),
    (
      "/a",
      "unable to parse requirement: <nil>: Invalid value: \"/a\": prefix part must be non-empty"
    ),
    (
      "a=b/c",
      "unable to parse requirement: values[0][a]: Invalid value: \"b/c\": a valid label must be an empty string or"
        + " consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
        + " (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is"
        + " '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
    ),
  ]

  @Test(arguments: refused)
  func aBadSelectorIsRefusedInTheWordsOfARealServer(_ text: String, _ message: String) {
    #expect(throws: SelectorError(message)) { try LabelSelector(parsing: text) }
  }

  static let matched: [(String, [String: String], Bool)] = [
    ("", [:], true), ("a=b", ["a": "b"], true), ("a==b", ["a": "c"], false), ("a=b", [:], false),
    ("a!=b", [:], true), ("a!=b", ["a": "b"], false), ("a", ["a": ""], true), ("a", [:], false),
    ("!a", [:], true), ("!a", ["a": "x"], false), ("a in (x, y)", ["a": "y"], true), ("a in (x,y)", ["a": "z"], false),
    ("a notin (x)", [:], true), ("a notin (x)", ["a": "x"], false), ("a=", ["a": ""], true),
    ("a in ()", ["a": ""], true), ("a in (,x)", ["a": ""], true), ("a in (x,)", ["a": ""], true),
    ("in in (in,notin)", ["in": "notin"], true), ("a=in", ["a": "in"], true),
    ("a>5", ["a": "6"], true), ("a>5", ["a": "5"], false), ("a<5", ["a": "-1"], true), ("a<5", ["a": "x"], false),
    ("a>5", [:], false), (" a = b , c ", ["a": "b", "c": ""], true), ("a=b,c", ["a": "b"], false),
    ("example.com/a=b,tier notin (x,y),!z", ["example.com/a": "b"], true),
    ("a in (1,2,3,4,5,6,7,8,9,10)", ["a": "10"], true), ("a in (1,2,3,4,5,6,7,8,9,10)", ["a": "11"], false),
  ]

  @Test(arguments: matched)
  func labelsAreSelected(_ text: String, _ labels: [String: String], _ expected: Bool) throws {
    let selector = try LabelSelector(parsing: text)
    #expect(selector.matches(labels) == expected)
    let document = JSONValue.object(labels.map { ($0.key, .string($0.value)) })
    #expect(selector.matches(document) == expected)
    if labels.isEmpty { #expect(selector.matches(JSONValue?.none) == expected) }
    #expect(try LabelSelector(parsing: selector.description).matches(labels) == expected)
  }

  @Test func selectorsAreWrittenSortedByKey() throws {
    let selector = try LabelSelector(parsing: "z, !b, a in (y,x), c!=1")
    #expect(selector.description == "a in (x,y),!b,c!=1,z")
    #expect(LabelSelector(matching: ["b": "2", "a": "1"]).description == "a=1,b=2")
  }

  @Test func selectorsAreBounded() {
    let long = String(repeating: "a", count: LabelSelector.maxTextBytes + 1)
    #expect(throws: SelectorError("the label selector is longer than 65536 bytes")) { try LabelSelector(parsing: long) }
    let many = Array(repeating: "a", count: LabelSelector.maxRequirements + 1).joined(separator: ",")
    #expect(throws: SelectorError("the label selector has more than 1000 requirements")) {
      try LabelSelector(parsing: many)
    }
  }

  private static func document(_ text: String) throws -> JSONValue { try JSONParser.parse(Array(text.utf8)) }

  @Test(arguments: [
    ("{}", ["x": "y"], true),
    (#"{"matchLabels":{"a":"b"}}"#, ["a": "b"], true),
    (#"{"matchLabels":{"a":"b"}}"#, ["a": "c"], false),
    (#"{"matchLabels":{"a":1}}"#, ["a": "1"], false),
    (#"{"matchExpressions":[{"key":"a","operator":"In","values":["b","c"]}]}"#, ["a": "c"], true),
    (#"{"matchExpressions":[{"key":"a","operator":"DoesNotExist"}]}"#, ["b": "c"], true),
    (#"{"matchExpressions":[{"key":"a","operator":"Nonsense"}]}"#, ["a": "c"], false),
    (#"{"matchLabels":{"a":"b"},"matchExpressions":[{"key":"t","operator":"Exists"}]}"#, ["a": "b"], false),
    (#"{"matchLabels":null}"#, ["a": "b"], true),
  ])
  func documentsSelect(_ text: String, _ labels: [String: String], _ expected: Bool) throws {
    #expect(LabelSelector(document: try Self.document(text)).matches(labels) == expected)
  }

  @Test func aSelectorThatIsNotThereSelectsNothing() {
    #expect(!LabelSelector(document: nil).matches(["a": "b"]))
    #expect(LabelSelector(document: nil).isNothing)
    #expect(LabelSelector(document: .object([])).isEverything)
  }

  @Test func documentsAreValidatedWithPaths() throws {
    let document = try Self.document(
      #"""
      {"matchLabels":{"a":"b"},"matchExpressions":[
        {"key":"a","operator":"In"},{"key":"a","operator":"Exists","values":["x"]},
        {"key":"","operator":"Gt","values":["-"]}]}
      """#)
    let errors = LabelSelector.errors(in: document, at: "spec.selector")
    #expect(
      errors.map(\.path) == [
        "spec.selector.matchExpressions[0].values", "spec.selector.matchExpressions[1].values",
        "spec.selector.matchExpressions[2].operator", "spec.selector.matchExpressions[2].key",
        "spec.selector.matchExpressions[2].key", "spec.selector.matchExpressions[2].values[0]",
      ])
    #expect(
      errors.prefix(3).map(\.message) == [
        "Required value: must be specified when `operator` is 'In' or 'NotIn'",
        "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        #"Invalid value: "Gt": not a valid selector operator"#,
      ])
  }

  @Test func randomTextNeverTrapsAndWhatIsReadIsReadAgain() throws {
    var random = SeededGenerator(seed: 0x5e1)
    let pieces = ["a", "b", "in", "notin", "=", "!", "(", ")", ",", " ", ">", "<", "é", "\0", "x/y", "1", "=="]
    var accepted = 0
    for _ in 0..<5_000 {
      let count = Int.random(in: 0..<9, using: &random)
      let text = (0..<count).map { _ in pieces[Int.random(in: 0..<pieces.count, using: &random)] }.joined()
      guard let selector = try? LabelSelector(parsing: text) else { continue }
      accepted += 1
      #expect(try LabelSelector(parsing: selector.description) == selector, "\(text)")
    }
    #expect(accepted > 300)
  }
}
