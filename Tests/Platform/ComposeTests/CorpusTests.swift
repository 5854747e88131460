import Testing

@testable import Compose

/// Every case of `Cases/`: compose files and what `compose config` makes of them, or the fault with its place.
@Suite struct CorpusTests {
  @Test func thereAreCases() { #expect(Corpus.all.count >= 150) }

  @Test(arguments: Corpus.all) func holds(_ example: CorpusCase) {
    var output = ""
    var fault = ""
    var warnings: [ComposeWarning] = []
    do throws(ComposeFaults) {
      let result = try ComposeLoader(reader: example.files).load(example.request)
      output = result.project.limited(to: example.request.services).canonical.yaml()
      warnings = result.warnings
    } catch {
      fault = error.description + "\n"
    }
    #expect(fault == example.section("fault") ?? "")
    if example.value("no-output") == nil { #expect(output == example.section("expect") ?? "") }
    #expect(warnings.map { "\($0)\n" }.joined() == example.section("warnings") ?? "")
  }

  /// What is printed is a compose file that says the same.
  @Test(
    arguments: Corpus.all.filter {
      $0.section("expect") != nil && $0.section("expect")?.contains("bulkhead-balancer") == false
    })
  func printedFilesReadBackTheSame(_ example: CorpusCase) throws {
    let text = example.section("expect") ?? ""
    var files = example.files
    files.files["/project/printed.yaml"] = text
    var request = example.request
    request.files = ["/project/printed.yaml"]
    request.currentDirectory = CorpusCase.folder
    request.environment["COMPOSE_PROJECT_NAME"] = nil
    request.projectName = nil
    request.profiles = ["*"]
    request.services = []
    let again = try ComposeLoader(reader: files).load(request)
    #expect(again.project.canonical.yaml() == text)
  }

  @Test func variablesStayWhereTheyAreAskedTo() throws {
    let text = "services:\n  a:\n    image: i:${TAG:?}\n    cpus: $CPUS\n    ports: [\"${PORT:-80}:80\", 81]\n"
    var request = ComposeRequest(files: ["/project/compose.yaml"])
    request.interpolates = false
    let loader = ComposeLoader(reader: MemoryFiles(files: ["/project/compose.yaml": text]))
    #expect(
      try loader.canonical(request).value.json(indent: nil)
        == #"{"name":"project","services":{"a":{"cpus":"$CPUS","image":"i:${TAG:?}","ports":["${PORT:-80}:80","#
        + #"{"mode":"ingress","protocol":"tcp","target":81}]}}}"#)
  }
}
