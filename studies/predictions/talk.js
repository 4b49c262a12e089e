const content = JSON.parse(document.getElementById("content").textContent);
for (const section of document.querySelectorAll(".recording")) {
  const audio = section.querySelector("audio");
  audio.addEventListener("error", () => { section.querySelector(".unplayable").hidden = false; });
  drawTimeline(section.querySelector(".timeline"), content.timelines[Number(section.dataset.number)], content.emotions, audio);
}
