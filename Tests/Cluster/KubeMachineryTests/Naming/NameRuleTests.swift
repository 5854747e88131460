import HTTPServing
import KubeMachinery
import Testing

struct NameRuleTests {
  private static let long64 = String(repeating: "a", count: 64)
  private static let long254 = String(repeating: "a", count: 254)
  private static let subdomain =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start"
    + " and end with an alphanumeric character (e.g. 'example.com', regex used for validation is"
    + " '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
  private static let label =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with"
    + " an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is"
    + " '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
  private static let label1035 =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character,"
    + " and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is"
    + " '[a-z]([-a-z0-9]*[a-z0-9])?')"
  private static let qualified =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
    + " (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is"
    + " '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
  private static let value =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and"
    + " end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is"
    + " '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
  private static let dataKey =
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or"
    + " 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"

  static let cases: [(NameRule, String, [String])] = [
    (.subdomain, "a.b-c.9", []), (.subdomain, "", [subdomain]), (.subdomain, "a..b", [subdomain]),
    (.subdomain, "A", [subdomain]), (.subdomain, "a\n", [subdomain]), (.subdomain, "é", [subdomain]),
    (.subdomain, long254, ["must be no more than 253 characters"]),
    (.label, "a-1", []), (.label, "1", []), (.label, "a.b", ["must not contain dots"]), (.label, "-a", [label]),
    (.label, "a-", [label]), (.label, "", [label]), (.label, long64, ["must be no more than 63 characters"]),
    (.label, long64 + "_", ["must be no more than 63 characters", label]),
    (.label1035, "a1", []), (.label1035, "1a", [label1035]), (.label1035, "a.b", [label1035]),
    (.label1035, "", [label1035]),
    (.pathSegment, "system:node", []), (.pathSegment, "..", ["may not be '..'"]), (.pathSegment, "...", []),
    (.pathSegment, "a/b%c", ["may not contain '/'", "may not contain '%'"]),
    (.qualifiedName, "app", []), (.qualifiedName, "example.com/My_name.1", []),
    (.qualifiedName, "/a", ["prefix part must be non-empty"]),
    (.qualifiedName, "", ["name part must be non-empty", "name part \(qualified)"]),
    (.qualifiedName, "E.com/a", ["prefix part \(subdomain)"]),
    (.qualifiedName, long254 + "/a", ["prefix part must be no more than 253 bytes"]),
    (.qualifiedName, "a b", ["name part \(qualified)"]),
    (.qualifiedName, long64, ["name part must be no more than 63 bytes"]),
    (
      .qualifiedName, "a/b/c",
      ["a valid label key \(qualified) with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    ),
    (.annotationKey, "E.com/A", []), (.annotationKey, "a/", ["name part must be non-empty", "name part \(qualified)"]),
    (.labelValue, "", []), (.labelValue, "A_b.c-1", []), (.labelValue, "_a", [value]),
    (.labelValue, long64, ["must be no more than 63 bytes"]),
    (.dataKey, "A_b.c", []), (.dataKey, "", [dataKey]), (.dataKey, "a/b", [dataKey]),
    (.dataKey, ".", ["must not be '.'"]),
    (.dataKey, "..", ["must not be '..'"]), (.dataKey, "..data", ["must not start with '..'"]),
    (.portName, "http-1", []), (.portName, "12", ["must contain at least one letter (a-z)"]),
    (.portName, "a--b", ["must not contain consecutive hyphens"]),
    (.portName, "-a", ["must not begin or end with a hyphen"]),
    (
      .portName, "A",
      [
        "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
        "must contain at least one letter (a-z)",
      ]
    ),
    (.portName, "abcdefghijklmnop", ["must be no more than 15 characters"]),
    (.environmentVariable, "MY VAR", []), (.environmentVariable, "", ["environment variable name must be non-empty"]),
    (
      .environmentVariable, "a=b",
      [
        "a valid environment variable name must consist only of printable ASCII characters other than '='"
      ]
    ),
  ]

  @Test(arguments: cases)
  func namesAreJudgedInTheWordsOfARealServer(_ rule: NameRule, _ name: String, _ problems: [String]) {
    #expect(rule.problems(name) == problems)
  }

  @Test(arguments: [(NameRule.subdomain, "web-"), (.label, "a-"), (.label1035, "svc-"), (.pathSegment, "x-")])
  func aPrefixOfAGeneratedNameMayEndInADash(_ rule: NameRule, _ prefix: String) {
    #expect(rule.problems(prefix, isPrefix: true).isEmpty)
    #expect(rule.problems("-", isPrefix: true).isEmpty == (rule == .pathSegment))
  }

  @Test func labelsAndAnnotationsAreJudgedWithTheirPath() {
    let labels = JSONValue.object([("a b", .string("x")), ("ok", .string("é"))])
    #expect(
      MetadataNames.labelErrors(labels, at: "metadata.labels") == [
        .invalid("metadata.labels", "a b", "name part \(Self.qualified)"),
        .invalid("metadata.labels", "é", Self.value),
      ])
    #expect(MetadataNames.labelErrors(nil, at: "metadata.labels").isEmpty)
    let big = JSONValue.object([("k", .string(String(repeating: "x", count: 256 * 1024)))])
    #expect(
      MetadataNames.annotationErrors(big, at: "metadata.annotations").map(\.text) == [
        "metadata.annotations: Too long: may not be more than 262144 bytes"
      ])
  }

  @Test(arguments: [
    ("kubectl-client-side-apply", []), ("", []),
    (String(repeating: "m", count: 129), ["fieldManager: Too long: may not be more than 128 bytes"]),
    ("a\u{7}", [#"fieldManager: Invalid value: "a\a": invalid character U+0007 (at position 1)"#]),
    ("é\u{a0}", [#"fieldManager: Invalid value: "é\u00a0": invalid character U+00A0 (at position 2)"#]),
  ])
  func fieldManagersArePrintableAndShort(_ manager: String, _ errors: [String]) {
    #expect(MetadataNames.fieldManagerErrors(manager).map(\.text) == errors)
  }

  @Test func generatedNamesFitALabelAndUseTheAlphabet() {
    var random = SeededGenerator(seed: 5)
    var seen: Set<String> = []
    for _ in 0..<500 {
      let name = GeneratedName.make(base: "web-", using: &random)
      #expect(name.hasPrefix("web-") && name.utf8.count == 9)
      #expect(name.dropFirst(4).allSatisfy { GeneratedName.alphabet.contains($0) })
      seen.insert(name)
    }
    #expect(seen.count > 490)
    let long = GeneratedName.make(base: String(repeating: "x", count: 80), using: &random)
    #expect(long.utf8.count == 63 && long.hasPrefix(String(repeating: "x", count: 58)))

    #expect(GeneratedName.encoded("0129af") == "456fv4")
  }
}

/// SplitMix64 (Steele, Lea, Flood): the same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
    return value ^ value >> 31
  }
}
