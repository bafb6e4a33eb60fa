package network.salus.interop;

import ca.uhn.fhir.rest.api.MethodOutcome;
import ca.uhn.fhir.rest.api.PreferReturnEnum;
import ca.uhn.fhir.rest.client.api.IGenericClient;
import ca.uhn.fhir.rest.server.exceptions.PreconditionFailedException;
import ca.uhn.fhir.rest.server.exceptions.ResourceGoneException;
import ca.uhn.fhir.rest.server.exceptions.ResourceNotFoundException;
import ca.uhn.fhir.rest.server.exceptions.UnprocessableEntityException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import network.salus.interop.Interop.Named;
import org.hl7.fhir.r4.model.Bundle;
import org.hl7.fhir.r4.model.CapabilityStatement;
import org.hl7.fhir.r4.model.CodeableConcept;
import org.hl7.fhir.r4.model.Coding;
import org.hl7.fhir.r4.model.DateTimeType;
import org.hl7.fhir.r4.model.IdType;
import org.hl7.fhir.r4.model.Location;
import org.hl7.fhir.r4.model.Observation;
import org.hl7.fhir.r4.model.OperationOutcome;
import org.hl7.fhir.r4.model.Organization;
import org.hl7.fhir.r4.model.Quantity;
import org.hl7.fhir.r4.model.Reference;
import org.hl7.fhir.r4.model.Resource;

/** What a client of another make does all day: create, read, update, search with pages, transactions, history, validation. */
final class RoundTrips {
  private static final String SYSTEM = "https://salus.example/interop";
  private final IGenericClient client;
  private final String patient;

  RoundTrips(IGenericClient client, String patient) {
    this.client = client;
    this.patient = patient;
  }

  List<Named> checks() {
    return List.of(
        new Named("reads the capability statement", this::capabilities),
        new Named("creates and reads an observation with its decimals", this::createAndRead),
        new Named("updates under If-Match, and is refused on an older version", this::update),
        new Named("updates conditionally", this::conditionalUpdate),
        new Named("creates conditionally once", this::conditionalCreate),
        new Named("searches and follows every page", this::pages),
        new Named("includes what a match refers to", this::includes),
        new Named("writes a transaction with references between its entries", this::transaction),
        new Named("writes nothing of a transaction with a wrong entry", this::refusedTransaction),
        new Named("reads the history of a resource", this::history),
        new Named("deletes, and is told that it is gone", this::delete),
        new Named("validates on the server", this::validate),
        new Named("is told what does not exist", this::unknown));
  }

  private void capabilities() {
    CapabilityStatement statement = client.capabilities().ofType(CapabilityStatement.class).execute();
    demand("4.0.1".equals(statement.getFhirVersion().toCode()), "the version of FHIR is not 4.0.1");
    demand(statement.getRestFirstRep().getResource().size() > 100, "few resource types are named");
  }

  private void createAndRead() {
    Observation sent = observation("7.50");
    MethodOutcome outcome = client.create().resource(sent).execute();
    demand(Boolean.TRUE.equals(outcome.getCreated()), "not created");
    Observation read = client.read().resource(Observation.class).withId(outcome.getId().toUnqualifiedVersionless()).execute();
    demand("7.50".equals(read.getValueQuantity().getValueElement().getValueAsString()), "a decimal changed its text");
    demand("1".equals(read.getMeta().getVersionId()), "the first version is not 1");
    Observation version = client.read().resource(Observation.class).withId(outcome.getId()).execute();
    demand(version.equalsDeep(read), "a version reads otherwise than the current one");
  }

  private void update() {
    IdType id = create(location("before"));
    Location second = location("after");
    second.setId(id.toUnqualified().withVersion("1"));
    client.update().resource(second).execute();
    demand("after".equals(read(id).getName()), "the update is not seen");
    Location stale = location("stale");
    stale.setId(id.toUnqualified().withVersion("1"));
    refused(PreconditionFailedException.class, () -> client.update().resource(stale).execute());
    demand("after".equals(read(id).getName()), "a refused update was written");
  }

  private void conditionalUpdate() {
    String value = UUID.randomUUID().toString();
    IdType id = create(identified("one", value));
    MethodOutcome outcome =
        client
            .update()
            .resource(identified("two", value))
            .conditionalByUrl("Location?identifier=" + SYSTEM + "|" + value)
            .prefer(PreferReturnEnum.REPRESENTATION)
            .execute();
    demand(id.getIdPart().equals(outcome.getId().getIdPart()), "another resource was updated");
    demand("two".equals(read(id).getName()), "the update is not seen");
  }

  private void conditionalCreate() {
    String value = UUID.randomUUID().toString();
    String condition = "Location?identifier=" + SYSTEM + "|" + value;
    MethodOutcome first = client.create().resource(identified("one", value)).conditionalByUrl(condition).execute();
    MethodOutcome second = client.create().resource(identified("one", value)).conditionalByUrl(condition).execute();
    demand(first.getId().getIdPart().equals(second.getId().getIdPart()), "it was created twice");
  }

  private void pages() {
    String marker = UUID.randomUUID().toString();
    Bundle bundle = transactionBundle();
    for (int number = 0; number < 25; number += 1) {
      add(bundle, identified("page " + number, marker), "Location");
    }
    client.transaction().withBundle(bundle).execute();
    Bundle page =
        client
            .search()
            .forResource(Location.class)
            .where(Location.IDENTIFIER.exactly().systemAndIdentifier(SYSTEM, marker))
            .count(10)
            .returnBundle(Bundle.class)
            .execute();
    Set<String> found = new HashSet<>();
    int pages = 0;
    while (page != null) {
      pages += 1;
      page.getEntry().forEach(entry -> found.add(entry.getResource().getIdElement().getIdPart()));
      page = page.getLink(Bundle.LINK_NEXT) == null ? null : client.loadPage().next(page).execute();
    }
    demand(found.size() == 25 && pages == 3, "found " + found.size() + " in " + pages + " pages");
  }

  private void includes() {
    Bundle answer =
        client
            .search()
            .forResource(Observation.class)
            .where(Observation.SUBJECT.hasId("Patient/" + patient))
            .include(Observation.INCLUDE_SUBJECT)
            .returnBundle(Bundle.class)
            .execute();
    boolean isIncluded =
        answer.getEntry().stream()
            .anyMatch(entry -> entry.getSearch().getMode() == Bundle.SearchEntryMode.INCLUDE && entry.getResource().fhirType().equals("Patient"));
    demand(isIncluded, "the patient is not included");
  }

  private void transaction() {
    Bundle bundle = transactionBundle();
    Organization organization = new Organization();
    organization.setName("Interop").setActive(true);
    String url = add(bundle, organization, "Organization");
    Location location = location("of an organisation");
    location.setManagingOrganization(new Reference(url));
    add(bundle, location, "Location");
    Bundle answer = client.transaction().withBundle(bundle).execute();
    String made = new IdType(answer.getEntry().get(0).getResponse().getLocation()).getIdPart();
    IdType at = new IdType(answer.getEntry().get(1).getResponse().getLocation());
    Location read = read(at);
    demand(read.getManagingOrganization().getReference().endsWith("Organization/" + made), "the reference leads elsewhere");
  }

  private void refusedTransaction() {
    String marker = UUID.randomUUID().toString();
    Bundle bundle = transactionBundle();
    add(bundle, identified("never", marker), "Location");
    Observation wrong = new Observation();
    wrong.setSubject(new Reference("Patient/" + patient));
    add(bundle, wrong, "Observation");
    refused(UnprocessableEntityException.class, () -> client.transaction().withBundle(bundle).execute());
    Bundle answer =
        client
            .search()
            .forResource(Location.class)
            .where(Location.IDENTIFIER.exactly().systemAndIdentifier(SYSTEM, marker))
            .returnBundle(Bundle.class)
            .execute();
    demand(answer.getEntry().isEmpty(), "a part of a refused transaction was written");
  }

  private void history() {
    IdType id = create(location("first"));
    Location second = location("second");
    second.setId(id.toUnqualifiedVersionless());
    client.update().resource(second).withAdditionalHeader("If-Match", "W/\"1\"").execute();
    Bundle history = client.history().onInstance(id.toUnqualifiedVersionless()).returnBundle(Bundle.class).execute();
    demand(history.getEntry().size() == 2, "the history has " + history.getEntry().size() + " entries");
    demand("second".equals(((Location) history.getEntryFirstRep().getResource()).getName()), "the newest is not first");
  }

  private void delete() {
    IdType id = create(location("short-lived"));
    client.delete().resourceById(id.toUnqualifiedVersionless()).execute();
    refused(ResourceGoneException.class, () -> read(id));
  }

  private void validate() {
    MethodOutcome good = client.validate().resource(observation("1.0")).execute();
    demand(errors(good) == 0, "a valid observation has errors");
    Observation wrong = observation("1.0");
    wrong.setStatus(null);
    demand(errors(client.validate().resource(wrong).execute()) > 0, "an observation without status has none");
  }

  private void unknown() {
    refused(
        ResourceNotFoundException.class,
        () -> client.read().resource(Location.class).withId(UUID.randomUUID().toString()).execute());
  }

  private static long errors(MethodOutcome outcome) {
    return ((OperationOutcome) outcome.getOperationOutcome())
        .getIssue().stream()
            .filter(issue -> issue.getSeverity() == OperationOutcome.IssueSeverity.ERROR || issue.getSeverity() == OperationOutcome.IssueSeverity.FATAL)
            .count();
  }

  private IdType create(Resource resource) {
    return new IdType(client.create().resource(resource).execute().getId().getValue());
  }

  private Location read(IdType id) {
    return client.read().resource(Location.class).withId(id.toUnqualifiedVersionless()).execute();
  }

  private Observation observation(String value) {
    Observation observation = new Observation();
    observation.setStatus(Observation.ObservationStatus.FINAL);
    observation.setCode(new CodeableConcept(new Coding("http://loinc.org", "718-7", null)));
    observation.setSubject(new Reference("Patient/" + patient));
    observation.setEffective(new DateTimeType("2026-03-01T08:00:00Z"));
    Quantity quantity = new Quantity();
    quantity.getValueElement().setValueAsString(value);
    observation.setValue(quantity.setUnit("g/dL").setSystem("http://unitsofmeasure.org").setCode("g/dL"));
    return observation;
  }

  private static Location location(String name) {
    Location location = new Location();
    location.setName(name);
    return location;
  }

  private static Location identified(String name, String value) {
    Location location = location(name);
    location.addIdentifier().setSystem(SYSTEM).setValue(value);
    return location;
  }

  private static Bundle transactionBundle() {
    Bundle bundle = new Bundle();
    bundle.setType(Bundle.BundleType.TRANSACTION);
    return bundle;
  }

  private static String add(Bundle bundle, Resource resource, String type) {
    String url = "urn:uuid:" + UUID.randomUUID();
    bundle.addEntry().setFullUrl(url).setResource(resource).getRequest().setMethod(Bundle.HTTPVerb.POST).setUrl(type);
    return url;
  }

  private static void demand(boolean holds, String why) {
    if (!holds) throw new AssertionError(why);
  }

  private static void refused(Class<? extends Exception> wanted, Runnable asked) {
    try {
      asked.run();
    } catch (RuntimeException answer) {
      if (wanted.isInstance(answer)) return;
      throw answer;
    }
    throw new AssertionError("was not refused");
  }
}
