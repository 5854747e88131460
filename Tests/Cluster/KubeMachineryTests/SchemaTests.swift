import KubeMachinery
import Testing

struct SchemaTests {
  @Test func namesAreWrittenAsKubectlShowsThem() {
    #expect(KindName(group: "", version: "v1", kind: "Pod").apiVersion == "v1")
    #expect(KindName(group: "apps", version: "v1", kind: "Deployment").apiVersion == "apps/v1")
    #expect(ResourceName(group: "", resource: "pods").description == "pods")
    #expect(ResourceName(group: "apps", resource: "deployments").description == "deployments.apps")
  }
}
